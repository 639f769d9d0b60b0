// Command pool runs jobs through a pool of worker goroutines fed by a channel
// and prints the seconds that took and how many jobs were done, as JSON. With
// -kind noop a job counts itself; with -kind net it is a request and its
// answer over one of -connections TCP connections to the echo server at
// -address. -pool unbuffered hands each job over, -pool buffered lets the
// channel hold -queue of them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const messageSize = 64

// runPool has workers goroutines run jobs times job and returns when all are done.
func runPool(workers, queue, jobs int, job func()) {
	work := make(chan func(), queue)
	var running sync.WaitGroup
	for range workers {
		running.Add(1)
		go func() {
			defer running.Done()
			for job := range work {
				job()
			}
		}()
	}
	for range jobs {
		work <- job
	}
	close(work)
	running.Wait()
}

// dial opens connections to the echo server; a job takes one for its round trip.
func dial(address string, connections int) (chan net.Conn, error) {
	idle := make(chan net.Conn, connections)
	for range connections {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return nil, err
		}
		idle <- conn
	}
	return idle, nil
}

func roundTrip(conn net.Conn, buffer []byte) error {
	if _, err := conn.Write(buffer); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, buffer)
	return err
}

func netJob(address string, connections int, done *atomic.Int64) (func(), error) {
	idle, err := dial(address, connections)
	if err != nil {
		return nil, err
	}
	buffers := sync.Pool{New: func() any { b := make([]byte, messageSize); return &b }}
	return func() {
		conn, buffer := <-idle, buffers.Get().(*[]byte)
		if err := roundTrip(conn, *buffer); err != nil {
			log.Fatal(err)
		}
		idle <- conn
		buffers.Put(buffer)
		done.Add(1)
	}, nil
}

func run() error {
	kind := flag.String("kind", "noop", "noop or net")
	pool := flag.String("pool", "unbuffered", "unbuffered or buffered")
	jobs := flag.Int("jobs", 1_000_000, "how many jobs")
	workers := flag.Int("workers", 64, "how many goroutines")
	queue := flag.Int("queue", 1024, "jobs that the buffered channel holds")
	connections := flag.Int("connections", 1000, "connections of the network jobs")
	address := flag.String("address", "", "HOST:PORT of the echo server")
	flag.Parse()

	var done atomic.Int64
	job := func() { done.Add(1) }
	switch *kind {
	case "noop":
	case "net":
		var err error
		if job, err = netJob(*address, *connections, &done); err != nil {
			return err
		}
	default:
		return fmt.Errorf("unknown kind %q", *kind)
	}
	switch *pool {
	case "unbuffered":
		*queue = 0
	case "buffered":
	default:
		return fmt.Errorf("unknown pool %q", *pool)
	}
	begin := time.Now()
	runPool(*workers, *queue, *jobs, job)
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"seconds": time.Since(begin).Seconds(),
		"answer":  done.Load(),
	})
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("pool: ")
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
