// Judges recorded races for slots by porcupine, a checker of linearizability that others wrote. Reads one race a line from
// standard input, as {"name", "calls"}, and prints for each {"name", "result"}: Ok, Illegal, or Unknown when its time is over.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

// Longest line, and longest time for one race.
const (
	maxLineBytes = 1 << 26
	patience     = 60 * time.Second
)

type race struct {
	Name  string `json:"name"`
	Calls []call `json:"calls"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<16), maxLineBytes)
	model := slotModel.ToModel()
	for lines.Scan() {
		var given race
		if err := json.Unmarshal(lines.Bytes(), &given); err != nil {
			log.Fatalf("a race that cannot be read: %v", err)
		}
		result := porcupine.CheckOperationsTimeout(model, operationsOf(given.Calls), patience)
		fmt.Printf("{\"name\":%q,\"result\":%q}\n", given.Name, result)
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}
