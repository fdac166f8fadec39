package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// chunkRecords are filled, sent and taken back together.
	chunkRecords = 1_000
	// outstandingMax stays below maxBuffered, where Produce would start a goroutine to wait for room and stop lingering.
	// It is no higher because records that wait long have left the caches: 500,000 cost 15 % more CPU.
	outstandingMax = 50_000
	// pauseOfIdle is how long the idle workload leaves the wire alone.
	pauseOfIdle = 10 * time.Millisecond
)

// tally is what one workload did.
type tally struct {
	records      int64
	acknowledged int64
	latencies    []time.Duration
}

// A workload runs for a time and returns after its last acknowledgement, or with the first error of a delivery.
type workload func(time.Duration) (*tally, error)

// workloads makes each workload ready, outside of the measured time.
var workloads = map[string]func(*kgo.Client, *source) workload{
	"throughput": throughput,
	"tasks":      tasks,
	"paced":      paced,
	"idle":       idle,
}

func produceOne(client *kgo.Client, source *source) error {
	var record kgo.Record
	source.fill(&record, 0)
	return client.ProduceSync(context.Background(), &record).FirstErr()
}

// chunk holds records that are sent together; their memory is used again after the last one's acknowledgement.
type chunk struct {
	records []kgo.Record
	pending int // Written by the sender while none is outstanding, then only by promises, which run one by one.
	promise func(*kgo.Record, error)
}

// throughput sends from one goroutine as fast as records are acknowledged and come back to be filled again.
func throughput(client *kgo.Client, source *source) workload {
	var failure firstError
	var acknowledged int64 // Counted by promises, read when every chunk is back.
	free := make(chan *chunk, outstandingMax/chunkRecords)
	for range cap(free) {
		c := &chunk{records: make([]kgo.Record, chunkRecords)}
		c.promise = func(_ *kgo.Record, err error) {
			if err == nil {
				acknowledged++
			}
			failure.note(err)
			if c.pending--; c.pending == 0 {
				free <- c
			}
		}
		for i := range c.records {
			source.fill(&c.records[i], int64(i)) // Touches the memory before the clock starts.
		}
		free <- c
	}
	return func(duration time.Duration) (*tally, error) {
		acknowledged = 0
		var records int64
		for deadline := time.Now().Add(duration); time.Now().Before(deadline) && failure.get() == nil; {
			c := <-free
			c.pending = len(c.records)
			for i := range c.records {
				source.fill(&c.records[i], records)
				client.Produce(context.Background(), &c.records[i], c.promise)
				records++
			}
		}
		if err := client.Flush(context.Background()); err != nil {
			return nil, err
		}
		back := make([]*chunk, cap(free))
		for i := range back {
			back[i] = <-free
		}
		for _, c := range back {
			free <- c
		}
		return &tally{records: records, acknowledged: acknowledged}, failure.get()
	}
}

// tasks runs goroutines that each await their own record before they send the next.
func tasks(client *kgo.Client, source *source) workload {
	return func(duration time.Duration) (*tally, error) {
		var failure firstError
		var next, acknowledged atomic.Int64
		var running sync.WaitGroup
		deadline := time.Now().Add(duration)
		for range source.settings.tasks {
			running.Go(func() {
				var record kgo.Record
				for time.Now().Before(deadline) && failure.get() == nil {
					source.fill(&record, next.Add(1)-1)
					if err := client.ProduceSync(context.Background(), &record).FirstErr(); err != nil {
						failure.note(err)
						return
					}
					acknowledged.Add(1)
				}
			})
		}
		running.Wait()
		return &tally{records: next.Load(), acknowledged: acknowledged.Load()}, failure.get()
	}
}

// paced sends record i at start + i/RATE, or at once when that is past, and counts latency from when it was due.
func paced(client *kgo.Client, source *source) workload {
	return func(duration time.Duration) (*tally, error) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		sleepPrecisely()
		var failure firstError
		latencies := make([]time.Duration, int(duration.Seconds()*float64(source.settings.rate)))
		var acknowledged int64 // Counted by promises, read after the flush.
		start := time.Now()
		for i := range latencies {
			due := start.Add(time.Duration(int64(i) * int64(time.Second) / int64(source.settings.rate)))
			sleepUntil(due)
			record := new(kgo.Record)
			source.fill(record, int64(i))
			client.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
				latencies[i] = time.Since(due)
				if err == nil {
					acknowledged++
				}
				failure.note(err)
			})
		}
		if err := client.Flush(context.Background()); err != nil {
			return nil, err
		}
		return &tally{int64(len(latencies)), acknowledged, latencies}, failure.get()
	}
}

// idle awaits one record at a time and leaves the wire alone in between.
func idle(client *kgo.Client, source *source) workload {
	return func(duration time.Duration) (*tally, error) {
		var record kgo.Record
		var latencies []time.Duration
		for deadline := time.Now().Add(duration); time.Now().Before(deadline); time.Sleep(pauseOfIdle) {
			source.fill(&record, int64(len(latencies)))
			sent := time.Now()
			if err := client.ProduceSync(context.Background(), &record).FirstErr(); err != nil {
				return nil, err
			}
			latencies = append(latencies, time.Since(sent))
		}
		return &tally{int64(len(latencies)), int64(len(latencies)), latencies}, nil
	}
}

// sleepUntil is nanosleep: the runtime's own timers round short sleeps of an idle process up to a millisecond.
func sleepUntil(due time.Time) {
	for wait := time.Until(due); wait > 0; wait = time.Until(due) {
		spec := syscall.NsecToTimespec(int64(wait))
		_ = syscall.Nanosleep(&spec, nil) // Interrupted early, it is called again.
	}
}

// sleepPrecisely asks Linux to wake this thread on time instead of up to 50 us late.
func sleepPrecisely() {
	const setTimerSlack = 29
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0)
}

// firstError keeps the first error that any goroutine notes.
type firstError struct{ err atomic.Pointer[error] }

func (f *firstError) note(err error) {
	if err != nil {
		f.err.CompareAndSwap(nil, &err)
	}
}

func (f *firstError) get() error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}
