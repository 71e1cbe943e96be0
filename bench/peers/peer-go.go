// peer-go.go: Go's map. The loops of loops.h and the keys of peer.h once more, in Go; what is said there holds here, but that the
// time is always the usual clock's: the collector has threads of its own.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
)

const (
	passOps      = 32768
	enoughPasses = 3
	enoughTime   = 10 * time.Millisecond
	tooMuchTime  = 100 * time.Millisecond
)

var asked = struct {
	keys, mode, ops string
	size, lookups   int
}{"random", "speed", "", 1000, 1000000}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s %s %d: %s\n", asked.mode, asked.keys, asked.size, fmt.Sprintf(format, args...))
	os.Exit(1)
}

func expect(op string, found, right uint64) {
	if found != right {
		fail("%s: %d where %d is right", op, found, right)
	}
}

func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func permute(i, n int, salt uint64) int {
	bits := 2
	for n > 1<<bits {
		bits++
	}
	mask, x := uint64(1)<<bits-1, uint64(i)
	for {
		for round := uint64(0); round < 3; round++ {
			x = (x + mix(salt+round)) * 0xd1342543de82ef95 & mask
			x ^= x >> ((bits + 1) / 2)
		}
		if x < uint64(n) {
			return int(x)
		}
	}
}

func intKey(i uint64) uint64 {
	switch asked.keys {
	case "random":
		return mix(i)
	case "sequential":
		return i
	case "mod32":
		return i<<32 | 0x1234567
	}
	fail("no such kind of integers")
	return 0
}

func text(n int, x uint64) string {
	s := make([]byte, n)
	for i := range s {
		s[i] = "abcdefghijklmnopqrstuvwxyz234567"[x&31]
		x >>= 5
	}
	return string(s)
}

func shortText(i uint64) string {
	const mask = 1<<60 - 1
	x := (i + 0x5851f42d4c957f2d) * 0xd1342543de82ef95 & mask
	x = (x ^ x>>31) * 0xbf58476d1ce4e5b9 & mask
	return text(12, x^x>>29)
}

func crafted(i uint64) string {
	s := ""
	for pair := 0; pair < 16; pair++ {
		s += [3]string{"Ez", "FY", "G8"}[i%3]
		i /= 3
	}
	return s
}

func stringKey(i uint64) string {
	switch asked.keys {
	case "short":
		return shortText(i)
	case "path":
		return "/home/users/projects/hmap/objects/releases/" + shortText(i)
	case "text32":
		return shortText(i) + text(10, mix(i)) + text(10, mix(^i))
	case "crafted":
		return crafted(i)
	}
	fail("no such kind of strings")
	return ""
}

type cell struct {
	name   string
	best   float64
	total  time.Duration
	passes int
}

func (c *cell) add(t time.Duration, ops int) {
	each := float64(t.Nanoseconds()) / float64(ops)
	if c.passes == 0 || each < c.best {
		c.best = each
	}
	c.passes++
	c.total += t
}

func (c *cell) enough() bool {
	return c.total > tooMuchTime || c.total > enoughTime && c.passes >= enoughPasses
}

func wanted(name string) bool {
	return asked.ops == "" || strings.Contains(asked.ops, ","+name+",")
}

func (c *cell) report() {
	if c.passes > 0 && wanted(c.name) {
		fmt.Printf("%s=%.4f\n", c.name, c.best)
	}
}

func measure(name string, pass func(c *cell)) {
	c := cell{name: name}
	for wanted(name) && !c.enough() {
		pass(&c)
	}
	c.report()
}

type sequence[K comparable] struct {
	keys                  []K
	n, distinct, pass, at int
	sums                  []uint64
}

func makeSequence[K comparable](newKey func(uint64) K, first int) *sequence[K] {
	size, distinct, rounds, pass := asked.size, asked.size, (passOps+asked.size-1)/asked.size, passOps
	if asked.lookups < size {
		distinct, rounds = asked.lookups, 1
	}
	n := rounds * distinct
	if rounds > 1 {
		pass = n
	}
	s := &sequence[K]{make([]K, n+size-distinct), n, distinct, pass, 0, make([]uint64, n/pass+1)}
	for i := 0; i < size; i++ {
		entry := permute(i, size, 0)
		s.keys[i] = newKey(uint64(first + entry))
		if i < distinct {
			s.sums[i/pass] += uint64((entry + 1) * rounds)
		}
	}
	for i := size; i < n; i++ {
		s.keys[i] = s.keys[permute(i%size, size, uint64(i/size))]
	}
	return s
}

func (s *sequence[K]) nextPass() (from, to int, sum uint64) {
	from, to, sum = s.at, s.at+s.pass, s.sums[s.at/s.pass]
	if to > s.n {
		to = s.n
	}
	s.at = to % s.n
	return
}

func fillTable[K comparable](stored []K, hint int) map[K]uint64 {
	t := make(map[K]uint64, hint)
	for i, k := range stored {
		t[k] = uint64(i + 1)
	}
	return t
}

func storedKeys[K comparable](newKey func(uint64) K) []K {
	stored := make([]K, asked.size)
	for i := range stored {
		stored[i] = newKey(uint64(i))
	}
	return stored
}

func tablesOfPass() int {
	return (passOps + asked.size - 1) / asked.size
}

func hitPass[K comparable](t map[K]uint64, s *sequence[K], c *cell) {
	from, to, right := s.nextPass()
	sum, start := uint64(0), time.Now()
	for _, k := range s.keys[from:to] {
		sum += t[k]
	}
	c.add(time.Since(start), to-from)
	expect("hit", sum, right)
}

func missPass[K comparable](t map[K]uint64, s *sequence[K], c *cell) {
	from, to, _ := s.nextPass()
	sum, start := uint64(0), time.Now()
	for _, k := range s.keys[from:to] {
		sum += t[k]
	}
	c.add(time.Since(start), to-from)
	expect("miss", sum, 0)
}

func iteratePass[K comparable](t map[K]uint64, c *cell) {
	sum, n, start := uint64(0), 0, time.Now()
	for i := 0; i < tablesOfPass(); i++ {
		for _, v := range t {
			sum += v
			n++
		}
	}
	c.add(time.Since(start), n)
	expect("iterate, entries", uint64(n), uint64(tablesOfPass()*asked.size))
	expect("iterate", sum, uint64(tablesOfPass())*uint64(asked.size)*uint64(asked.size+1)/2)
}

func updatePass[K comparable](t map[K]uint64, s *sequence[K], c *cell) {
	from, to, _ := s.nextPass()
	start := time.Now()
	for i := from; i < to; i++ {
		t[s.keys[i]] = uint64(i + 1)
	}
	c.add(time.Since(start), to-from)
	if to-from > s.distinct {
		from = to - s.distinct
	}
	for i := from; i < to; i++ {
		expect("update", t[s.keys[i]], uint64(i+1))
	}
}

func churnPass[K comparable](t map[K]uint64, inside, outside *sequence[K], c *cell) {
	start := time.Now()
	for round := 0; round < inside.n; round += inside.distinct {
		for i := round; i < round+inside.distinct; i++ {
			delete(t, inside.keys[i])
			t[outside.keys[i]] = uint64(i + 1)
		}
		inside.keys, outside.keys = outside.keys, inside.keys
	}
	c.add(time.Since(start), inside.n)
	expect("churn, entries", uint64(len(t)), uint64(asked.size))
	for i := inside.n - inside.distinct; i < inside.n; i++ {
		expect("churn, new key", t[inside.keys[i]], uint64(i+1))
		expect("churn, old key", t[outside.keys[i]], 0)
	}
}

func fillPass[K comparable](stored []K, tables, ops int, c *cell) {
	start := time.Now()
	for i := 0; i < tables; i++ {
		expect("insert", uint64(len(fillTable(stored, 0))), uint64(asked.size))
	}
	c.add(time.Since(start), ops)
}

func deletePass[K comparable](stored, keys []K, hint, deletion *cell) {
	filling, deleting := time.Duration(0), time.Duration(0)
	for i := 0; i < tablesOfPass(); i++ {
		start := time.Now()
		t := fillTable(stored, asked.size)
		middle := time.Now()
		for _, k := range keys {
			delete(t, k)
		}
		deleting += time.Since(middle)
		filling += middle.Sub(start)
		expect("delete", uint64(len(t)), 0)
	}
	hint.add(filling, tablesOfPass()*asked.size)
	deletion.add(deleting, tablesOfPass()*asked.size)
}

func measureDelete[K comparable](stored []K, keys []K) {
	hint, deletion := cell{name: "hint"}, cell{name: "delete"}
	for (wanted("hint") || wanted("delete")) && !hint.enough() {
		deletePass(stored, keys, &hint, &deletion)
	}
	hint.report()
	deletion.report()
}

func measureSpeed[K comparable](newKey func(uint64) K) {
	stored, hits, misses := storedKeys(newKey), makeSequence(newKey, 0), makeSequence(newKey, asked.size)
	keys := hits.keys[:asked.size]
	measure("insert", func(c *cell) { fillPass(stored, tablesOfPass(), tablesOfPass()*asked.size, c) })
	t := fillTable(stored, 0)
	measure("hit", func(c *cell) { hitPass(t, hits, c) })
	measure("miss", func(c *cell) { missPass(t, misses, c) })
	measure("iterate", func(c *cell) { iteratePass(t, c) })
	measure("update", func(c *cell) { updatePass(t, hits, c) })
	measure("churn", func(c *cell) { churnPass(t, hits, misses, c) })
	measureDelete(stored, keys)
}

func reportStretches(ns []uint32) {
	stretch, slowest := (asked.size+249)/250, uint32(0)
	for i, t := range ns {
		if t > slowest {
			slowest = t
		}
		if (i+1)%stretch == 0 {
			fmt.Printf("slowest@%d=%d\n", i+1, slowest)
			slowest = 0
		}
	}
}

func reportPercentiles(ns []uint32) {
	sort.Slice(ns, func(i, j int) bool { return ns[i] < ns[j] })
	for _, part := range []float64{50, 90, 99, 99.9, 99.99, 99.999} {
		fmt.Printf("p%g=%d\n", part, ns[int(float64(asked.size-1)*part/100)])
	}
	fmt.Printf("longest=%d\n", ns[asked.size-1])
}

func measureLatency[K comparable](stored []K) {
	ns := make([]uint32, asked.size)
	for i := range ns {
		ns[i] = 1
	}
	t, before := map[K]uint64{}, time.Now()
	for i, k := range stored {
		t[k] = uint64(i + 1)
		after := time.Now()
		ns[i] = uint32(after.Sub(before))
		before = after
	}
	reportStretches(ns)
	reportPercentiles(ns)
}

func statusBytes(field string) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fail("%s", err)
	}
	_, after, _ := strings.Cut(string(status), field)
	kilobytes, _ := strconv.Atoi(strings.Fields(after)[0])
	return kilobytes * 1024
}

func measureMemory[K comparable](stored []K) {
	const n = 10000
	tables := make([]map[K]uint64, n)
	before := statusBytes("VmRSS:")
	for i := range tables {
		tables[i] = fillTable(stored, 0)
	}
	fmt.Printf("resident=%.1f\n", float64(statusBytes("VmRSS:")-before)/n)
	runtime.KeepAlive(tables)
}

func measureGrowth[K comparable](stored []K) {
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		fail("%s", err)
	}
	t, before, next := map[K]uint64{}, statusBytes("VmRSS:"), 1000
	for i, k := range stored {
		i++
		t[k] = uint64(i)
		if i == next || i == 30000 || i == 1000000 || i == 10000000 {
			fmt.Printf("resident@%d=%d\n", i, statusBytes("VmRSS:")-before)
			fmt.Printf("resident-peak@%d=%d\n", i, statusBytes("VmHWM:")-before)
		}
		if i == next {
			next += next / 20
		}
	}
}

func run[K comparable](newKey func(uint64) K) {
	switch asked.mode {
	case "speed":
		measureSpeed(newKey)
	case "life":
		stored := storedKeys(newKey)
		measure("life", func(c *cell) { fillPass(stored, tablesOfPass(), tablesOfPass(), c) })
	case "latency":
		measureLatency(storedKeys(newKey))
	case "memory":
		measureMemory(storedKeys(newKey))
	case "growth":
		measureGrowth(storedKeys(newKey))
	default:
		fail("no such mode")
	}
}

func readArguments() {
	for _, arg := range os.Args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "keys":
			asked.keys = value
		case "mode":
			asked.mode = value
		case "ops":
			asked.ops = value
		case "size":
			asked.size, _ = strconv.Atoi(value)
		case "lookups":
			asked.lookups, _ = strconv.Atoi(value)
		}
	}
}

func main() {
	readArguments()
	switch asked.keys {
	case "random", "sequential", "mod32":
		run(intKey)
	default:
		run(stringKey)
	}
}
