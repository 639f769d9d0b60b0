// Command lines walks through the lines of a file and prints how many there
// are and the seconds it took, as JSON. With -method scanner it finds where
// each line begins by bufio.Scanner as it comes, with -method scanner-large
// by one with a buffer of 1 MiB; with -method count it only counts.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"time"
)

const bufferSize = 1 << 20

// scan finds every line's offset and returns how many there are.
func scan(scanner *bufio.Scanner, offsets []int64) (int, error) {
	lines, offset := 0, int64(0)
	for scanner.Scan() {
		offsets[lines%len(offsets)] = offset
		offset += int64(len(scanner.Bytes())) + 1
		lines++
	}
	return lines, scanner.Err()
}

// count returns how many newlines there are.
func count(file io.Reader) (int, error) {
	buffer := make([]byte, bufferSize)
	lines := 0
	for {
		n, err := file.Read(buffer)
		lines += bytes.Count(buffer[:n], []byte{'\n'})
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
	}
}

func run(method, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	begin := time.Now()
	var lines int
	switch method {
	case "scanner":
		lines, err = scan(bufio.NewScanner(file), make([]int64, 1<<16))
	case "scanner-large":
		scanner := bufio.NewScanner(file)
		scanner.Buffer(make([]byte, bufferSize), bufferSize)
		lines, err = scan(scanner, make([]int64, 1<<16))
	case "count":
		lines, err = count(file)
	default:
		return fmt.Errorf("-method %s: allowed are scanner, scanner-large and count", method)
	}
	if err != nil {
		return err
	}
	seconds := time.Since(begin).Seconds()
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"seconds": seconds, "answer": lines})
}

func main() {
	method := flag.String("method", "scanner", "scanner, scanner-large or count")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: lines [-method scanner|scanner-large|count] FILE")
	}
	if err := run(*method, flag.Arg(0)); err != nil {
		log.Fatal(err)
	}
}
