package main

import "slices"

// What is answered to an act, whole.
type answer struct {
	kind        string
	status      string
	expiresAtMs int64
	slotIDs     []string
	state       string
	owner       string
	untilMs     int64
}

// Whether an answer is what somebody heard of it.
func fits(told heard, given answer) bool {
	isKind := told.Kind == given.kind || told.Kind == "settled" && (given.kind == "moved" || given.kind == "unchanged")
	return isKind &&
		(told.Status == nil || *told.Status == given.status) &&
		(told.ExpiresAtMs == nil || *told.ExpiresAtMs == given.expiresAtMs) &&
		(told.SlotIDs == nil || slices.Equal(told.SlotIDs, given.slotIDs)) &&
		(told.SlotID == nil || slices.Contains(given.slotIDs, *told.SlotID)) &&
		(told.State == nil || *told.State == given.state) &&
		(told.Owner == nil || *told.Owner == given.owner) &&
		(told.UntilMs == nil || *told.UntilMs == given.untilMs)
}

func (b booking) runs(nowMs int64) bool { return b.Status == "PENDING" && nowMs < b.ExpiresAtMs }

// What a booking is to whoever asks at a time, and stays.
func (b booking) at(nowMs int64) booking {
	if b.Status == "PENDING" && nowMs >= b.ExpiresAtMs {
		b.Status = "EXPIRED"
	}
	return b
}

func (s *state) isFree(slotID string, nowMs int64) bool {
	found, isThere := s.Slots[slotID]
	return !isThere || !found.Taken && nowMs >= found.UntilMs
}

func (s *state) isOwn(slotID, id string) bool {
	found, isThere := s.Slots[slotID]
	return !isThere || found.Owner == id
}

// Slots that an act wants from whoever had them.
func (s *state) wanted(a act) []string {
	switch {
	case a.Do == "create":
		return a.SlotIDs
	case a.Do == "confirm" && a.Revives:
		return s.Bookings[a.ID].SlotIDs
	}
	return nil
}

// Bookings whose holds of wanted slots have lapsed: each is marked before its slot goes to another.
func (s *state) lapsedOwners(a act, nowMs int64) []string {
	owners := []string{}
	for _, each := range s.wanted(a) {
		if of, isThere := s.Slots[each]; isThere && s.isFree(each, nowMs) && !slices.Contains(owners, of.Owner) {
			owners = append(owners, of.Owner)
		}
	}
	return owners
}

func (s *state) marked(id string, nowMs int64) *state {
	found, isThere := s.Bookings[id]
	if !isThere || found.at(nowMs).Status == found.Status {
		return s
	}
	return s.with(id, found.at(nowMs))
}

func (s *state) ownersMarked(a act, nowMs int64) *state {
	own := s.Bookings[a.ID]
	// A revival looks at the slots of what has lapsed, and was not refused before.
	if a.Do == "confirm" && (own.at(nowMs).Status != "EXPIRED" || own.Lost != nil) {
		return s
	}
	for _, each := range s.lapsedOwners(a, nowMs) {
		s = s.marked(each, nowMs)
	}
	return s
}

func without(slotIDs []string, isRight func(string) bool) []string {
	wrong := []string{}
	for _, each := range slotIDs {
		if !isRight(each) {
			wrong = append(wrong, each)
		}
	}
	return wrong
}

func tells(kind string, b booking) answer {
	return answer{kind: kind, status: b.Status, expiresAtMs: b.ExpiresAtMs}
}

// The rules of bookings that claim slots: what an act is answered by a clock, and what there is after it.
func apply(s *state, a act, nowMs int64) (answer, *state) {
	if a.Do == "look-up" {
		found := s.Slots[a.SlotID]
		switch {
		case s.isFree(a.SlotID, nowMs):
			return answer{kind: "slot", state: "FREE"}, s
		case found.Taken:
			return answer{kind: "slot", state: "TAKEN", owner: found.Owner}, s
		default:
			return answer{kind: "slot", state: "HELD", owner: found.Owner, untilMs: found.UntilMs}, s
		}
	}
	s = s.ownersMarked(a, nowMs)
	found, isThere := s.Bookings[a.ID]
	if a.Do == "create" {
		return create(s, a, found, isThere, nowMs)
	}
	if !isThere {
		return answer{kind: "missing"}, s
	}
	now := found.at(nowMs)
	asFound := s.with(a.ID, now)
	switch a.Do {
	case "read":
		return tells("found", now), asFound
	case "expire":
		return answer{kind: "expired"}, asFound
	case "cancel":
		return cancel(s, a, now, asFound)
	case "extend":
		return extend(s, a, now, asFound)
	case "confirm":
		return confirm(s, a, found, now, asFound, nowMs)
	}
	panic("nobody knows what it is to " + a.Do)
}

func create(s *state, a act, found booking, isThere bool, nowMs int64) (answer, *state) {
	if isThere {
		return tells("exists", found.at(nowMs)), s.with(a.ID, found.at(nowMs))
	}
	refusing := without(a.SlotIDs, func(each string) bool {
		return s.isFree(each, nowMs) || s.Slots[each].Owner == a.ID && !s.Slots[each].Taken
	})
	if len(refusing) > 0 {
		return answer{kind: "slots-taken", slotIDs: refusing}, s
	}
	created := booking{Status: "PENDING", ExpiresAtMs: a.ExpiresAtMs, SlotIDs: a.SlotIDs}
	return tells("created", created), s.with(a.ID, created).withSlots(a.SlotIDs, slot{Owner: a.ID, UntilMs: a.ExpiresAtMs})
}

func cancel(s *state, a act, now booking, asFound *state) (answer, *state) {
	switch now.Status {
	case "CANCELLED":
		return tells("unchanged", now), s
	case "EXPIRED":
		return tells("refused", now), asFound
	}
	cancelled := withStatus(now, "CANCELLED")
	after := s.with(a.ID, cancelled)
	for _, each := range now.SlotIDs {
		if s.isOwn(each, a.ID) {
			delete(after.Slots, each)
		}
	}
	return tells("moved", cancelled), after
}

func extend(s *state, a act, now booking, asFound *state) (answer, *state) {
	switch {
	case now.Status != "PENDING":
		return tells("refused", now), asFound
	case now.Lost != nil:
		return answer{kind: "slots-taken", slotIDs: now.Lost}, s
	case now.ExpiresAtMs == a.ExpiresAtMs:
		return tells("unchanged", now), s
	}
	if refusing := without(now.SlotIDs, func(each string) bool { return s.isOwn(each, a.ID) }); len(refusing) > 0 {
		return answer{kind: "slots-taken", slotIDs: refusing}, s
	}
	now.ExpiresAtMs = a.ExpiresAtMs
	return tells("moved", now), s.with(a.ID, now).withSlots(now.SlotIDs, slot{Owner: a.ID, UntilMs: a.ExpiresAtMs})
}

func confirm(s *state, a act, found, now booking, asFound *state, nowMs int64) (answer, *state) {
	revives := a.Revives && now.Status == "EXPIRED" && len(now.SlotIDs) > 0
	switch {
	case now.Status == "CONFIRMED":
		return tells("unchanged", now), s
	case now.Lost != nil && now.Status != "CANCELLED":
		return answer{kind: "slots-taken", slotIDs: now.Lost}, s
	case !revives && !found.runs(nowMs):
		return tells("refused", now), asFound
	}
	refusing := without(now.SlotIDs, func(each string) bool {
		return s.isOwn(each, a.ID) || revives && s.isFree(each, nowMs)
	})
	if len(refusing) > 0 {
		now.Lost = refusing
		return answer{kind: "slots-taken", slotIDs: refusing}, s.with(a.ID, now)
	}
	confirmed := withStatus(now, "CONFIRMED")
	return tells("moved", confirmed), s.with(a.ID, confirmed).withSlots(now.SlotIDs, slot{Owner: a.ID, Taken: true})
}
