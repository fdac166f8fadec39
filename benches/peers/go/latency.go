package main

import (
	"slices"
	"time"
)

type latencyUs struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// summarise takes percentiles by nearest rank, and is nil for a workload without latencies.
func summarise(latencies []time.Duration) *latencyUs {
	if len(latencies) == 0 {
		return nil
	}
	slices.Sort(latencies)
	at := func(perMille int) float64 {
		rank := (len(latencies)*perMille + 999) / 1000
		return float64(latencies[max(rank, 1)-1]) / 1e3
	}
	return &latencyUs{P50: at(500), P99: at(990), P999: at(999), Max: at(1000)}
}
