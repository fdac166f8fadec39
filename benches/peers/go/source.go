package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
)

// source makes the records. The i-th has the same key and value in every client.
type source struct {
	settings *settings
	values   [][]byte
}

const keyBytes = 10

func readValues(s *settings) ([][]byte, error) {
	if s.valuesFile == "" {
		return [][]byte{bytes.Repeat([]byte{'x'}, s.valueBytes)}, nil
	}
	text, err := os.ReadFile(s.valuesFile)
	if err != nil {
		return nil, fmt.Errorf("VALUES_FILE: %w", err)
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte{'\n'}), []byte{'\n'})
	if len(text) == 0 {
		return nil, fmt.Errorf("VALUES_FILE=%s is empty: it holds one value per line", s.valuesFile)
	}
	return lines, nil
}

// fill makes the i-th record, in memory that a record before it may have used.
func (s *source) fill(record *kgo.Record, i int64) {
	key := record.Key
	*record = kgo.Record{Topic: s.settings.topic, Value: s.values[i%int64(len(s.values))]}
	if s.settings.keys == 0 {
		return
	}
	if key == nil {
		key = make([]byte, keyBytes)
	}
	writeKey(key, uint32(i)*2654435761%s.settings.keys)
	record.Key = key
}

// writeKey writes a number in ten digits.
func writeKey(key []byte, number uint32) {
	for digit := keyBytes - 1; digit >= 0; digit-- {
		key[digit] = byte('0' + number%10)
		number /= 10
	}
}
