// Command linger-compare-go is franz-go as one client of benches/peers: it reads its workload from the environment,
// runs it once and prints one line of JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

// outcome is the line that the harness reads.
type outcome struct {
	Client        string     `json:"client"`
	Version       string     `json:"version"`
	Settings      string     `json:"settings"`
	WarmupRecords int64      `json:"warmup_records"`
	Records       int64      `json:"records"`
	Acknowledged  int64      `json:"acknowledged"`
	WallS         float64    `json:"wall_s"`
	CPUS          float64    `json:"cpu_s"`
	LatencyUs     *latencyUs `json:"latency_us"`
}

func main() {
	settings, err := settingsFromEnv()
	if err != nil {
		fail(2, err)
	}
	result, err := run(settings)
	if err != nil {
		fail(1, err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fail(1, err)
	}
}

func fail(status int, err error) {
	fmt.Fprintf(os.Stderr, "linger-compare-go: %v\n", err)
	os.Exit(status)
}

func run(settings *settings) (*outcome, error) {
	if os.Getenv("GOGC") == "" {
		// Collecting less often is the first thing that users of a fast producer in Go set.
		debug.SetGCPercent(gcPercent)
	}
	values, err := readValues(settings)
	if err != nil {
		return nil, err
	}
	client, err := connect(settings)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	source := &source{settings: settings, values: values}
	if err := produceOne(client, source); err != nil {
		return nil, fmt.Errorf("the first record: %w", err)
	}
	workload := workloads[settings.workload](client, source)
	warmupRecords := int64(1)
	if settings.warmup > 0 {
		warmup, err := workload(settings.warmup)
		if err != nil {
			return nil, fmt.Errorf("warming up: %w", err)
		}
		warmupRecords += warmup.records
	}

	started, cpuBefore := time.Now(), processCPU()
	tally, err := workload(settings.duration)
	if err != nil {
		return nil, err
	}
	wall, cpu := time.Since(started), processCPU()-cpuBefore
	return &outcome{
		Client:        "franz-go",
		Version:       franzVersion(),
		Settings:      settings.describe(client),
		WarmupRecords: warmupRecords,
		Records:       tally.records,
		Acknowledged:  tally.acknowledged,
		WallS:         wall.Seconds(),
		CPUS:          cpu.Seconds(),
		LatencyUs:     summarise(tally.latencies),
	}, nil
}

// processCPU is the user and system time of this process until now.
func processCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(1, fmt.Errorf("getrusage: %w", err))
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// franzVersion is the version of franz-go that was linked, as the build recorded it.
func franzVersion() string {
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range build.Deps {
			if dependency.Path == "github.com/twmb/franz-go" {
				return strings.TrimPrefix(dependency.Version, "v")
			}
		}
	}
	return "unknown"
}
