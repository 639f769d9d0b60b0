// Command prime calls isPrime for each number below n and prints how many are
// prime, and on a second line the seconds that counting took. The numbers are
// shared out among threads in chunks, as each becomes free.
package main

import (
	"flag"
	"fmt"
	"log"
	"sync"
	"sync/atomic"
	"time"
)

// chunkSize is how many numbers a thread takes at a time: a few milliseconds
// of work.
const chunkSize = 1 << 14

func isPrime(n int) bool {
	if n < 2 {
		return false
	}
	for i := 2; i*i <= n; i++ {
		if n%i == 0 {
			return false
		}
	}
	return true
}

// countPrimes returns how many of the numbers in [lo, hi) are prime.
func countPrimes(lo, hi int) int {
	count := 0
	for n := lo; n < hi; n++ {
		if isPrime(n) {
			count++
		}
	}
	return count
}

// countParallel is countPrimes(0, n) in so many threads.
func countParallel(n, threads int) int {
	var next, count atomic.Int64
	var group sync.WaitGroup
	for range threads {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				lo := int(next.Add(chunkSize)) - chunkSize
				if lo >= n {
					return
				}
				count.Add(int64(countPrimes(lo, min(lo+chunkSize, n))))
			}
		}()
	}
	group.Wait()
	return int(count.Load())
}

func main() {
	log.SetFlags(0)
	n := flag.Int("n", 10_000_000, "count the primes below this `number`")
	threads := flag.Int("threads", 1, "`number` of threads")
	flag.Parse()
	if flag.NArg() != 0 || *n < 0 || *threads < 1 {
		log.Fatal("usage: prime [-n NUMBER] [-threads NUMBER]")
	}
	begin := time.Now()
	var count int
	if *threads == 1 {
		count = countPrimes(0, *n)
	} else {
		count = countParallel(*n, *threads)
	}
	seconds := time.Since(begin).Seconds()
	fmt.Println(count)
	fmt.Printf("kernel_s=%.6f\n", seconds)
}
