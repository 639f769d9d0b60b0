// Command procfs samples CPU, memory, disk and network of this host with
// prometheus/procfs and prints the seconds one sample takes, as JSON.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/prometheus/procfs"
	"github.com/prometheus/procfs/blockdevice"
)

type sample struct {
	stat    procfs.Stat
	memory  procfs.Meminfo
	disks   []blockdevice.Diskstats
	network procfs.NetDev
}

type sampler struct {
	proc  procfs.FS
	block blockdevice.FS
}

func newSampler() (*sampler, error) {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, fmt.Errorf("open /proc: %w", err)
	}
	block, err := blockdevice.NewDefaultFS()
	if err != nil {
		return nil, fmt.Errorf("open /proc and /sys: %w", err)
	}
	return &sampler{proc: proc, block: block}, nil
}

func (s *sampler) sample() (sample, error) {
	var (
		out sample
		err error
	)
	if out.stat, err = s.proc.Stat(); err != nil {
		return out, fmt.Errorf("stat: %w", err)
	}
	if out.memory, err = s.proc.Meminfo(); err != nil {
		return out, fmt.Errorf("meminfo: %w", err)
	}
	if out.disks, err = s.block.ProcDiskstats(); err != nil {
		return out, fmt.Errorf("diskstats: %w", err)
	}
	if out.network, err = s.proc.NetDev(); err != nil {
		return out, fmt.Errorf("net/dev: %w", err)
	}
	return out, nil
}

func run(samples int) error {
	s, err := newSampler()
	if err != nil {
		return err
	}
	cpus := 0
	begin := time.Now()
	for range samples {
		got, err := s.sample()
		if err != nil {
			return err
		}
		cpus = len(got.stat.CPU)
	}
	seconds := time.Since(begin).Seconds() / float64(samples)
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"seconds": seconds, "answer": cpus})
}

func main() {
	samples := flag.Int("samples", 5000, "samples to take")
	flag.Parse()
	if err := run(*samples); err != nil {
		log.Fatal(err)
	}
}
