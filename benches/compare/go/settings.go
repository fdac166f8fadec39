package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// gcPercent is how far the heap may grow between collections, unless GOGC says otherwise.
	gcPercent = 400
	// maxBuffered is how many records franz-go may hold; Produce blocks beyond it.
	maxBuffered = 1_000_000
	// stickyBytes is how much a partition takes in a row of records without a key: franz-go's default.
	stickyBytes = 64 << 10
)

// settings is what the environment says, checked once.
type settings struct {
	bootstrap  []string
	topic      string
	workload   string
	duration   time.Duration
	warmup     time.Duration
	valueBytes int
	valuesFile string // Empty when every value is the same.
	keys       uint32
	batchBytes int32
	linger     time.Duration
	inFlight   string
	codec      string
	tasks      int
	rate       int
}

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

func settingsFromEnv() (*settings, error) {
	env := environment{}
	read := &settings{
		topic:      env.text("TOPIC", "bench"),
		workload:   env.text("WORKLOAD", "throughput"),
		duration:   env.seconds("SECONDS", 2, false),
		warmup:     env.seconds("WARMUP_SECONDS", 0, true),
		valueBytes: env.whole("VALUE", 100, 0, 1<<30),
		keys:       uint32(env.whole("KEYS", 0, 0, 1<<32-1)),
		batchBytes: int32(env.whole("BATCH", 16_384, 512, 1<<30)),
		linger:     time.Duration(env.whole("LINGER_MS", 5, 0, 60_000)) * time.Millisecond,
		inFlight:   env.text("IN_FLIGHT", "5"),
		codec:      env.text("CODEC", "none"),
		tasks:      env.whole("TASKS", 64, 1, 1_000_000),
		rate:       env.whole("RATE", 10_000, 1, 10_000_000),
	}
	if read.inFlight != "default" {
		env.whole("IN_FLIGHT", 5, 1, 1_000_000)
	}
	switch bootstrap := env.text("BOOTSTRAP", ""); bootstrap {
	case "":
		env.reject("BOOTSTRAP is not set: it is host:port,...")
	default:
		read.bootstrap = strings.Split(bootstrap, ",")
	}
	switch values := env.text("VALUES", "constant"); values {
	case "constant":
	case "json":
		if read.valuesFile = env.text("VALUES_FILE", ""); read.valuesFile == "" {
			env.reject("VALUES_FILE is not set: VALUES=json reads its values from there")
		}
	default:
		env.reject("VALUES=%s: it is constant or json", values)
	}
	if _, known := workloads[read.workload]; !known {
		env.reject("WORKLOAD=%s: it is throughput, tasks, paced or idle", read.workload)
	}
	if _, known := codecs[read.codec]; !known {
		env.reject("CODEC=%s: it is none, gzip, snappy, lz4 or zstd", read.codec)
	}
	return read, env.err
}

// environment reads variables and keeps the first error.
type environment struct{ err error }

func (e *environment) reject(format string, arguments ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, arguments...)
	}
}

// text reads a variable; an empty one counts as not set.
func (e *environment) text(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func (e *environment) whole(name string, otherwise, from, to int) int {
	text := e.text(name, strconv.Itoa(otherwise))
	number, err := strconv.Atoi(text)
	if err != nil || number < from || number > to {
		e.reject("%s=%s: it is a whole number from %d to %d", name, text, from, to)
	}
	return number
}

func (e *environment) seconds(name string, otherwise int, zeroToo bool) time.Duration {
	text := e.text(name, strconv.Itoa(otherwise))
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !(number >= 0 && number <= 3600) || number == 0 && !zeroToo {
		e.reject("%s=%s: it is a number of seconds, 3600 at most", name, text)
	}
	return time.Duration(number * float64(time.Second))
}

func connect(s *settings) (*kgo.Client, error) {
	return kgo.NewClient(
		kgo.SeedBrokers(s.bootstrap...),
		kgo.ProducerLinger(s.linger),
		kgo.ProducerBatchMaxBytes(s.batchBytes),
		kgo.ProducerBatchCompression(codecs[s.codec]),
		kgo.MaxBufferedRecords(maxBuffered),
		kgo.RecordPartitioner(kgo.UniformBytesPartitioner(stickyBytes, true, true, nil)),
	)
}

// describe states what was set, and what was asked for but is not franz-go's to set.
func (s *settings) describe() string {
	how := map[string]string{
		"throughput": "Produce with a promise, records reused, at most %d outstanding",
		"tasks":      "ProduceSync from goroutines",
		"paced":      "Produce with a promise",
		"idle":       "ProduceSync",
	}[s.workload]
	if s.workload == "throughput" {
		how = fmt.Sprintf(how, outstandingMax)
	}
	gogc := os.Getenv("GOGC")
	if gogc == "" {
		gogc = strconv.Itoa(gcPercent)
	}
	return fmt.Sprintf("linger %v, batches of at most %d B, codec %s, acks=all, idempotent, 5 requests in flight "+
		"(fixed while idempotent), %d records buffered at most, murmur2 of the key or else %d KiB in a row to the "+
		"least loaded partition, GOGC=%s, %s",
		s.linger, s.batchBytes, s.codec, maxBuffered, stickyBytes>>10, gogc, how)
}
