// Command jsonmodel decodes each line of a file of JSON into a struct and
// encodes it again. It prints the seconds that took and the CRC-32 of what was
// encoded, as JSON.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"os"
	"time"
)

type service struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Port    int    `json:"port"`
}

type item struct {
	SKU      string  `json:"sku"`
	Quantity int     `json:"quantity"`
	Price    float64 `json:"price"`
}

type failure struct {
	Code  int  `json:"code"`
	Retry bool `json:"retry"`
}

type level string

// UnmarshalText refuses levels that no event has.
func (l *level) UnmarshalText(text []byte) error {
	switch string(text) {
	case "info", "error":
		*l = level(text)
		return nil
	}
	return fmt.Errorf("unknown level %q", text)
}

type event struct {
	ID         int64             `json:"id"`
	Time       time.Time         `json:"time"`
	Level      level             `json:"level"`
	Message    string            `json:"message"`
	DurationMS float64           `json:"duration_ms"`
	Service    service           `json:"service"`
	Labels     map[string]string `json:"labels"`
	Tags       []string          `json:"tags"`
	Items      []item            `json:"items"`
	Error      *failure          `json:"error"`
}

// recode decodes and encodes every line of r and returns the checksum of what
// it encoded.
func recode(r io.Reader) (uint32, error) {
	checksum := crc32.NewIEEE()
	buffered := bufio.NewWriterSize(checksum, 1<<16)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<16), 1<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return 0, err
		}
		if err := encoder.Encode(&e); err != nil {
			return 0, err
		}
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	err := buffered.Flush()
	return checksum.Sum32(), err
}

func run(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	begin := time.Now()
	checksum, err := recode(file)
	if err != nil {
		return err
	}
	seconds := time.Since(begin).Seconds()
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"seconds": seconds, "answer": checksum})
}

func main() {
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: jsonmodel FILE")
	}
	if err := run(flag.Arg(0)); err != nil {
		log.Fatal(err)
	}
}
