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

// settings is what the environment says, checked once; nil leaves franz-go its own default.
type settings struct {
	bootstrap  []string
	topic      string
	workload   string
	duration   time.Duration
	warmup     time.Duration
	valueBytes int
	valuesFile string // Empty when every value is the same.
	keys       uint32
	batchBytes *int
	lingerMs   *int
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
		batchBytes: env.wholeOrDefault("BATCH", 16_384, 512, 1<<30),
		lingerMs:   env.wholeOrDefault("LINGER_MS", 5, 0, 60_000),
		codec:      env.text("CODEC", "none"),
		tasks:      env.whole("TASKS", 64, 1, 1_000_000),
		rate:       env.whole("RATE", 10_000, 1, 10_000_000),
	}
	env.wholeOrDefault("IN_FLIGHT", 5, 1, 1_000_000) // Checked like every other: it is not franz-go's to set.
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

func (e *environment) wholeOrDefault(name string, otherwise, from, to int) *int {
	if e.text(name, "") == "default" {
		return nil
	}
	number := e.whole(name, otherwise, from, to)
	return &number
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
	options := []kgo.Opt{
		kgo.SeedBrokers(s.bootstrap...),
		kgo.ProducerBatchCompression(codecs[s.codec]),
		kgo.MaxBufferedRecords(maxBuffered),
		kgo.RecordPartitioner(kgo.UniformBytesPartitioner(stickyBytes, true, true, nil)),
	}
	if s.batchBytes != nil {
		options = append(options, kgo.ProducerBatchMaxBytes(int32(*s.batchBytes)))
	}
	if s.lingerMs != nil {
		options = append(options, kgo.ProducerLinger(time.Duration(*s.lingerMs)*time.Millisecond))
	}
	return kgo.NewClient(options...)
}

// describe states what was set, and what was asked for but is not franz-go's to set.
func (s *settings) describe(client *kgo.Client) string {
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
		client.OptValue(kgo.ProducerLinger), client.OptValue(kgo.ProducerBatchMaxBytes), s.codec, maxBuffered, stickyBytes>>10, gogc, how)
}
