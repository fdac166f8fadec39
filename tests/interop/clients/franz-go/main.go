// franz-go as ../contract.py describes.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const valueBytesMax = 4096

type command struct {
	Do, Bootstrap, Topic, Codec, Acks, File string
	Idempotent                              bool
	Partitions                              int32
	Start                                   any
	Count                                   int
	LimitS                                  int `json:"limit_s"`
}

// A header is a pair: its name, and its value in base64 or null.
type header [2]any

type line struct {
	Partition  *int32
	Timestamp  int64
	Key, Value []byte
	Headers    []pair
}

type pair struct {
	name  string
	value []byte
}

func (p *pair) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&p.name, &p.value})
}

type place struct {
	Partition int32  `json:"partition"`
	Offset    *int64 `json:"offset"`
}

type stored struct {
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Timestamp int64    `json:"timestamp"`
	Key       []byte   `json:"key"`
	Value     *string  `json:"value"`
	Headers   []header `json:"headers"`
}

var out = json.NewEncoder(os.Stdout)

func say(answer any) {
	if err := out.Encode(answer); err != nil {
		os.Exit(1)
	}
}

func main() {
	say(map[string]string{"client": "franz-go " + version()})
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		if err := carryOut(commands.Bytes()); err != nil {
			say(map[string]string{"failed": err.Error()})
		} else {
			say(map[string]bool{"done": true})
		}
	}
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/twmb/franz-go" {
				return strings.TrimPrefix(module.Version, "v")
			}
		}
	}
	return "of an unknown version"
}

func carryOut(text []byte) error {
	var c command
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(c.LimitS)*time.Second)
	defer cancel()
	if c.Do == "produce" {
		return produce(ctx, c)
	}
	return consume(ctx, c)
}

func produce(ctx context.Context, c command) error {
	records, err := read(c)
	if err != nil {
		return err
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(c.Bootstrap, ",")...),
		kgo.ProducerBatchCompression(codecs[c.Codec]),
		kgo.RequiredAcks(acks[c.Acks]),
		kgo.ProducerLinger(20 * time.Millisecond),
		kgo.RecordPartitioner(chosenOr(kgo.StickyKeyPartitioner(nil))),
	}
	if !c.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	for _, record := range records {
		at := place{Partition: record.Partition}
		if c.Acks != "0" && record.Offset >= 0 {
			at.Offset = &record.Offset
		}
		say(at)
	}
	return nil
}

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

var acks = map[string]kgo.Acks{"all": kgo.AllISRAcks(), "1": kgo.LeaderAck(), "0": kgo.NoAck()}

func read(c command) ([]*kgo.Record, error) {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return nil, err
	}
	var records []*kgo.Record
	for _, text := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			return nil, err
		}
		record := &kgo.Record{
			Topic: c.Topic, Partition: noPartition, Key: l.Key, Value: l.Value, Timestamp: time.UnixMilli(l.Timestamp),
		}
		if l.Partition != nil {
			record.Partition = *l.Partition
		}
		for _, h := range l.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.name, Value: h.value})
		}
		records = append(records, record)
	}
	return records, nil
}

const noPartition = -1

// chosenOr leaves records without a partition to the client's default partitioner: franz-go has either, not both.
func chosenOr(otherwise kgo.Partitioner) kgo.Partitioner {
	return kgo.BasicConsistentPartitioner(func(topic string) func(*kgo.Record, int) int {
		byKey := otherwise.ForTopic(topic)
		return func(record *kgo.Record, partitions int) int {
			if record.Partition != noPartition {
				return int(record.Partition)
			}
			return byKey.Partition(record, partitions)
		}
	})
}

func consume(ctx context.Context, c command) error {
	offsets, err := startOffsets(ctx, c)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(c.Bootstrap, ",")...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{c.Topic: offsets}),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	for left := c.Count; left > 0; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				return nil
			}
			return err
		}
		fetches.EachRecord(func(record *kgo.Record) {
			say(found(record))
			left--
		})
	}
	return nil
}

func startOffsets(ctx context.Context, c command) (map[int32]kgo.Offset, error) {
	offsets := make(map[int32]kgo.Offset)
	for partition := range c.Partitions {
		switch start := c.Start.(type) {
		case float64:
			offsets[partition] = kgo.NewOffset().AfterMilli(int64(start))
		default:
			offsets[partition] = kgo.NewOffset().AtStart()
		}
	}
	if c.Start != "end" {
		return offsets, nil
	}
	// What it finds by itself, it does not tell; so the end is asked for, and then read from.
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.Bootstrap, ",")...))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = c.Topic
	for partition := range c.Partitions {
		asked := kmsg.NewListOffsetsRequestTopicPartition()
		asked.Partition, asked.Timestamp = partition, -1
		topic.Partitions = append(topic.Partitions, asked)
	}
	request := kmsg.NewPtrListOffsetsRequest()
	request.Topics = append(request.Topics, topic)
	for _, shard := range client.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		for _, topic := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, partition := range topic.Partitions {
				offsets[partition.Partition] = kgo.NewOffset().At(partition.Offset)
			}
		}
	}
	say(map[string]bool{"ready": true})
	return offsets, nil
}

func found(record *kgo.Record) stored {
	answer := stored{
		Partition: record.Partition, Offset: record.Offset, Timestamp: record.Timestamp.UnixMilli(),
		Key: record.Key, Value: told(record.Value), Headers: []header{},
	}
	for _, h := range record.Headers {
		answer.Headers = append(answer.Headers, header{h.Key, h.Value})
	}
	return answer
}

func told(value []byte) *string {
	if value == nil {
		return nil
	}
	text := base64.StdEncoding.EncodeToString(value)
	if len(value) > valueBytesMax {
		hash := sha256.Sum256(value)
		text = fmt.Sprint("sha256:", base64.StdEncoding.EncodeToString(hash[:]))
	}
	return &text
}
