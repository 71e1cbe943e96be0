// sync-go.go: Go's sync.Map, and Go's map under a sync.RWMutex, for bench/sync.py; called as sync-go KIND and then as the others
// are (sync-peer.h).
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type table[K comparable] interface {
	load(key K) bool
	store(key K, value uintptr)
	remove(key K)
}

type syncMap[K comparable] struct{ m sync.Map }

func (t *syncMap[K]) load(key K) bool {
	v, ok := t.m.Load(key)
	return ok && v.(uintptr) != 0
}
func (t *syncMap[K]) store(key K, value uintptr) { t.m.Store(key, value) }
func (t *syncMap[K]) remove(key K)               { t.m.Delete(key) }

type lockedMap[K comparable] struct {
	lock sync.RWMutex
	m    map[K]uintptr
}

func (t *lockedMap[K]) load(key K) bool {
	t.lock.RLock()
	v := t.m[key]
	t.lock.RUnlock()
	return v != 0
}
func (t *lockedMap[K]) store(key K, value uintptr) {
	t.lock.Lock()
	t.m[key] = value
	t.lock.Unlock()
}
func (t *lockedMap[K]) remove(key K) {
	t.lock.Lock()
	delete(t.m, key)
	t.lock.Unlock()
}

func run[K comparable](t table[K], keys, others []K, number, percent uint64, stop *atomic.Bool) (n uint64) {
	x := (number + 1) * 0x9e3779b97f4a7c15
	var deleted K
	isDeleted := false
	for ; !stop.Load(); n += 64 {
		for i := 0; i < 64; i++ {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			k := (x >> 32) * uint64(len(keys)) >> 32
			switch {
			case (x>>8&0xffff)*100>>16 < percent:
				if !t.load(others[k]) && percent == 100 {
					panic("a key is missing")
				}
			case x&1 != 0:
				t.store(keys[k], uintptr(x|1))
			case isDeleted:
				t.store(deleted, uintptr(x|1))
				isDeleted = false
			default:
				t.remove(others[k])
				deleted, isDeleted = keys[k], true
			}
		}
	}
	if isDeleted {
		t.store(deleted, 1)
	}
	return n
}

func measure[K comparable](t table[K], keys, others []K, threads int, percent uint64, seconds float64) {
	var stop atomic.Bool
	var operations uint64
	var wait sync.WaitGroup
	runtime.GC()
	start := time.Now()
	for i := 0; i < threads; i++ {
		wait.Add(1)
		go func(number uint64) {
			atomic.AddUint64(&operations, run(t, keys, others, number, percent, &stop))
			wait.Done()
		}(uint64(i))
	}
	time.Sleep(time.Duration(seconds * 1e9))
	stop.Store(true)
	took := time.Since(start).Seconds()
	wait.Wait()
	fmt.Printf("%d %d %.3f\n", threads, percent, float64(operations)/took/1e6)
}

func all[K comparable](kind string, keys, others []K, seconds float64) {
	var t table[K] = &syncMap[K]{}
	if kind == "locked" {
		t = &lockedMap[K]{m: map[K]uintptr{}}
	}
	for i, key := range keys {
		t.store(key, uintptr(i+1))
	}
	for _, percent := range []uint64{100, 99, 90, 50} {
		for threads := 1; threads <= 2; threads++ {
			measure(t, keys, others, threads, percent, seconds)
		}
	}
}

func main() {
	entries, _ := strconv.Atoi(os.Args[3])
	seconds, _ := strconv.ParseFloat(os.Args[4], 64)
	words := make([]uintptr, entries)
	texts, others := make([]string, entries), make([]string, entries)
	for i := range words {
		x := uint64(i+1) * 0x9e3779b97f4a7c15
		x ^= x >> 29
		words[i] = uintptr(x)
		texts[i] = fmt.Sprintf("key-%x", x>>20)
		others[i] = strings.Clone(texts[i])
	}
	if os.Args[2] == "strings" {
		all(os.Args[1], texts, others, seconds)
	} else {
		all(os.Args[1], words, words, seconds)
	}
}
