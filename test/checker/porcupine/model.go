package main

import (
	"encoding/json"
	"slices"
	"sort"

	"github.com/anishathalye/porcupine"
)

type booking struct {
	Status      string
	ExpiresAtMs int64
	SlotIDs     []string
	// Slots of it that were another booking's when its payment was refused for good; nil if it was not.
	Lost []string
}

// Whose a slot is: until a time, or for good.
type slot struct {
	Owner   string
	Taken   bool
	UntilMs int64
}

// What a payment saw that has not been noted yet.
type sight struct {
	Lost   []string
	Status string
	// Whether the payment had been answered already, in another way: only one whose answer nobody heard.
	Over bool
}

// All that there is. Never changed: whoever changes it makes another.
type state struct {
	Bookings map[string]booking
	Slots    map[string]slot
	Seen     map[int]sight
	text     string
}

func (s *state) copy() *state {
	next := &state{map[string]booking{}, map[string]slot{}, map[int]sight{}, ""}
	for id, each := range s.Bookings {
		next.Bookings[id] = each
	}
	for id, each := range s.Slots {
		next.Slots[id] = each
	}
	for number, each := range s.Seen {
		next.Seen[number] = each
	}
	return next
}

func (s *state) with(id string, b booking) *state {
	next := s.copy()
	next.Bookings[id] = b
	return next
}

func (s *state) withSlots(ids []string, of slot) *state {
	next := s.copy()
	for _, id := range ids {
		next.Slots[id] = of
	}
	return next
}

// The JSON of a map has its keys in order.
func (s *state) String() string {
	if s.text == "" {
		bytes, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		s.text = string(bytes)
	}
	return s.text
}

var slotModel = porcupine.NondeterministicModel{
	Init: func() []interface{} {
		return []interface{}{&state{map[string]booking{}, map[string]slot{}, map[int]sight{}, ""}}
	},
	Step: func(from, given, _ interface{}) []interface{} {
		next := []interface{}{}
		for _, each := range steps(from.(*state), given.(input)) {
			next = append(next, each)
		}
		return next
	},
	Equal: func(one, other interface{}) bool { return one.(*state).String() == other.(*state).String() },
	Hash: func(of interface{}) uint64 {
		hash := uint64(14695981039346656037)
		for _, each := range []byte(of.(*state).String()) {
			hash = (hash ^ uint64(each)) * 1099511628211
		}
		return hash
	},
}

// Every moment of a call's clock at which something may turn out differently.
func clocksOf(s *state, c call) []int64 {
	clocks := []int64{c.FromMs, c.ByMs}
	consider := func(ms int64) {
		if ms > c.FromMs && ms < c.ByMs {
			clocks = append(clocks, ms)
		}
	}
	for _, each := range s.Bookings {
		consider(each.ExpiresAtMs)
	}
	for _, each := range s.Slots {
		consider(each.UntilMs)
	}
	sort.Slice(clocks, func(a, b int) bool { return clocks[a] < clocks[b] })
	return slices.Compact(clocks)
}

// All that a call, or its half, may lead to with what its caller was told.
func steps(s *state, in input) []*state {
	next := []*state{}
	if in.phase == notes {
		return noted(s, in)
	}
	if in.phase == marks {
		return someMarked(s, in.call)
	}
	told := in.call.Told
	if told == nil {
		// Nobody heard whether it was carried out.
		next = append(next, overAt(s, in))
	}
	for _, nowMs := range clocksOf(s, in.call) {
		answer, after := apply(s, in.call.Act, nowMs)
		if told != nil && !fits(*told, answer) {
			continue
		}
		if in.phase == whole {
			next = append(next, after)
			continue
		}
		before, isThere := s.Bookings[in.call.Act.ID]
		if answer.kind == "slots-taken" && isThere && before.Lost == nil {
			status := after.Bookings[in.call.Act.ID].Status
			marked := s.with(in.call.Act.ID, withStatus(before, status))
			marked.Seen[in.number] = sight{Lost: answer.slotIDs, Status: status}
			next = append(next, marked)
			continue
		}
		next = append(next, overAt(after, in))
	}
	return next
}

// What a call marks as expired a moment before the rest of it: none, some or all of what has lapsed.
func someMarked(s *state, c call) []*state {
	next := []*state{s}
	for _, id := range append(s.lapsedOwners(c.Act, c.ByMs), c.Act.ID) {
		for _, each := range next {
			if marked := each.marked(id, c.ByMs); marked != each {
				next = append(next, marked)
			}
		}
	}
	return next
}

func overAt(s *state, in input) *state {
	if in.phase == whole {
		return s
	}
	over := s.copy()
	over.Seen[in.number] = sight{Over: true}
	return over
}

func withStatus(b booking, status string) booking {
	b.Status = status
	return b
}

// The second half of a payment that saw its slots with another booking.
func noted(s *state, in input) []*state {
	saw, hasSeen := s.Seen[in.number]
	if !hasSeen {
		return nil
	}
	done := s.copy()
	delete(done.Seen, in.number)
	if saw.Over {
		return []*state{done}
	}
	found := s.Bookings[in.call.Act.ID]
	if found.Lost == nil && found.Status == saw.Status {
		found.Lost = saw.Lost
		after := []*state{done.with(in.call.Act.ID, found)}
		if in.call.Told == nil {
			after = append(after, done)
		}
		return after
	}
	// It has changed since: the payment asks once more.
	again := []*state{}
	for _, nowMs := range clocksOf(s, in.call) {
		answer, after := apply(done, in.call.Act, nowMs)
		if in.call.Told == nil || fits(*in.call.Told, answer) {
			again = append(again, after)
		}
	}
	return again
}
