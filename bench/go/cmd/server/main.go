// Command server is a tool in one file that serves a page and its metrics:
// what a Go program of Fairlead's shape costs to start.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	version      = "0.1.0"
	graceTimeout = 5 * time.Second
	page         = "<!doctype html><title>server</title><p>Metrics are at <a href=/metrics>/metrics</a>.</p>\n"
	usage        = `Usage: server [--version] [--help]
       server serve [--listen HOST:PORT]

Commands:
  serve   Serve a page and /metrics until SIGTERM.
`
)

func newHandler() http.Handler {
	var requests atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, page)
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		fmt.Fprintf(w, "# TYPE server_requests_total counter\nserver_requests_total %d\n", requests.Load())
		fmt.Fprintf(w, "# TYPE go_goroutines gauge\ngo_goroutines %d\n", runtime.NumGoroutine())
	})
	return mux
}

// serve answers on address until ctx is done, then lets open requests end.
func serve(ctx context.Context, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newHandler(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	log.Printf("serving http://%s", listener.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTimeout)
	defer cancel()
	return server.Shutdown(grace)
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("server", flag.ExitOnError)
	flags.Usage = func() { fmt.Fprint(out, usage) }
	showVersion := flags.Bool("version", false, "print the version")
	flags.Parse(args)
	if *showVersion {
		_, err := fmt.Fprintf(out, "server %s\n", version)
		return err
	}
	if flags.Arg(0) != "serve" {
		return fmt.Errorf("unknown command %q; allowed is serve", flags.Arg(0))
	}
	serveFlags := flag.NewFlagSet("server serve", flag.ExitOnError)
	listen := serveFlags.String("listen", "127.0.0.1:8080", "`HOST:PORT` to serve on")
	serveFlags.Parse(flags.Args()[1:])
	return serve(ctx, *listen)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		log.Fatal(err)
	}
}
