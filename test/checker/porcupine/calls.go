package main

import (
	"math"

	"github.com/anishathalye/porcupine"
)

// What somebody did.
type act struct {
	Do          string   `json:"do"`
	ID          string   `json:"id"`
	SlotID      string   `json:"slotId"`
	SlotIDs     []string `json:"slotIds"`
	ExpiresAtMs int64    `json:"expiresAtMs"`
	Revives     bool     `json:"revives"`
}

// What somebody was told, as far as it was said.
type heard struct {
	Kind        string   `json:"kind"`
	Status      *string  `json:"status"`
	ExpiresAtMs *int64   `json:"expiresAtMs"`
	SlotIDs     []string `json:"slotIds"`
	SlotID      *string  `json:"slotId"`
	State       *string  `json:"state"`
	Owner       *string  `json:"owner"`
	UntilMs     *int64   `json:"untilMs"`
}

// One call. Its times are whole numbers of one clock; one that was never answered has none.
type call struct {
	Act        act    `json:"act"`
	FromMs     int64  `json:"fromMs"`
	ByMs       int64  `json:"byMs"`
	Told       *heard `json:"told"`
	CalledAt   int64  `json:"calledAt"`
	AnsweredAt *int64 `json:"answeredAt"`
}

// The half of a call that takes effect at one moment.
type phase int

const (
	whole phase = iota
	// A payment that is refused for good sees whose the slots are, and notes it a moment later.
	sees
	notes
	// Whoever wants slots may mark what has lapsed a moment before.
	marks
)

type input struct {
	call  call
	phase phase
	// Tells the two halves of one call from those of others.
	number int
}

func operationsOf(calls []call) []porcupine.Operation {
	operations := []porcupine.Operation{}
	for number, each := range calls {
		answered := int64(math.MaxInt64)
		if each.AnsweredAt != nil {
			answered = *each.AnsweredAt
		}
		phases := []phase{whole}
		if each.Act.Do == "confirm" && (each.Told == nil || each.Told.Kind == "slots-taken") {
			phases = []phase{sees, notes}
		}
		if each.Act.Do == "create" || each.Act.Do == "confirm" && each.Act.Revives {
			phases = append(phases, marks)
		}
		for _, part := range phases {
			operations = append(operations, porcupine.Operation{
				ClientId: number, Input: input{each, part, number}, Call: each.CalledAt, Return: answered,
			})
		}
	}
	return operations
}
