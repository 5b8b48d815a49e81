package smpp_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"
	"time"
	"unicode/utf16"

	"doverie/internal/notify"
	"doverie/internal/notify/smpp"
)

var noon = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// TestPerlReadsTheSame: a decoder in another language, by other people, finds every field where it belongs.
func TestPerlReadsTheSame(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "perl", "../../../test/peers/decode.pl")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs perl and Net::SMPP (run scripts/needs): %v", err)
	}
	lines := bufio.NewScanner(out)
	next := func() map[string]any {
		if !lines.Scan() {
			t.Fatalf("perl ended early (Net::SMPP is missing? run scripts/needs): %v", cmd.Wait())
		}
		line := map[string]any{}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		return line
	}
	channel, err := smpp.New(smpp.Config{
		Address: fmt.Sprintf("127.0.0.1:%v", next()["port"]), SystemID: "doverie", Password: "secret77", SystemType: "VMA", Sender: "Doverie", Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); channel.Run(running) }()
	text := texts["two parts of Cyrillic"].text
	l := letter("+79160000001", "k", text)
	l.NotAfter = noon.Add(5 * time.Minute)
	if outcome, err := channel.Deliver(ctx, l); outcome != notify.Accepted {
		t.Fatal(outcome, err)
	}
	stop()
	<-done
	expect(t, next(), map[string]string{"event": "bind_transceiver", "system_id": "doverie", "system_type": "VMA", "interface_version": "52"})
	var units []uint16
	for part := 1; part <= 2; part++ {
		line := next()
		expect(t, line, map[string]string{
			"event": "submit_sm", "source_addr": "Doverie", "source_addr_ton": "5", "destination_addr": "79160000001", "dest_addr_ton": "1", "dest_addr_npi": "1",
			"esm_class": "64", "protocol_id": "0", "priority_flag": "0", "schedule_delivery_time": "", "validity_period": "000000000500000R",
			"registered_delivery": "1", "replace_if_present_flag": "0", "data_coding": "8", "sm_default_msg_id": "0",
		})
		b, err := hex.DecodeString(line["hex"].(string))
		if err != nil || len(b) < 6 || b[0] != 5 || b[4] != 2 || int(b[5]) != part {
			t.Fatalf("%v, %v", line["hex"], err)
		}
		for b = b[6:]; len(b) > 1; b = b[2:] {
			units = append(units, uint16(b[0])<<8|uint16(b[1]))
		}
	}
	if got := string(utf16.Decode(units)); got != text {
		t.Errorf("%s\n%s", got, text)
	}
	expect(t, next(), map[string]string{"event": "unbind"})
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func expect(t *testing.T, line map[string]any, want map[string]string) {
	t.Helper()
	for field, value := range want {
		if line[field] != value {
			t.Errorf("%s is %q, want %q", field, line[field], value)
		}
	}
}
