package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"doverie/internal/account"
	"doverie/internal/app"
	"doverie/internal/i18n"
)

type adminImportCommand struct {
	configFlag

	File string `arg:"" type:"existingfile" help:"File of people, one JSON object a line."`
	Lang string `enum:"en,ru" default:"en" help:"Language of the reasons: en or ru."`
}

// Run imports the file. Refused lines are printed and do not stop the rest; the exit code tells of them.
// A run that was broken off goes on where it stopped when the same file is given again.
func (cmd adminImportCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		f, err := os.Open(cmd.File)
		if err != nil {
			return err
		}
		p := a.Texts.Printer(cmd.Lang, a.Policy.Location())
		summary, err := importPeople(c, a, f, cmd.File, p)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		c.sayf("%s", summary)
		if summary.run.Rejected > 0 {
			return errFindings
		}
		return nil
	})
}

// imported is what the command says at its end.
type imported struct {
	run    account.ImportRun
	took   time.Duration
	memory uint64 // bytes taken from the system at most
	resume int    // lines that an earlier run had done
}

// String is the summary.
func (s imported) String() string {
	text := fmt.Sprintf("%d lines: %d imported, %d refused; %s, at most %d MiB of memory",
		s.run.LastLine, s.run.Accepted, s.run.Rejected, s.took.Round(time.Millisecond), s.memory>>20)
	if s.resume > 0 {
		text += fmt.Sprintf("; went on after line %d", s.resume)
	}
	return text
}

// importPeople reads the file twice: first its hash, by which a second run knows how far the first came.
func importPeople(c console, a *app.App, file io.ReadSeeker, name string, p *i18n.Printer) (imported, error) {
	began := c.now()
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	if err != nil {
		return imported{}, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return imported{}, err
	}
	importer, err := a.Accounts.StartImport(c.ctx, byCommand, hex.EncodeToString(sum.Sum(nil)), filepath.Base(name))
	if err != nil {
		return imported{}, err
	}
	resume := importer.Run().LastLine
	bar := progress{console: c, size: size}
	refused := func(faults []account.ImportFault) {
		bar.clear()
		for _, f := range faults {
			c.sayf("line %d: %s: %s", f.Line, f.Field.Name, p.Named(f.Field.Key, f.Field.Args))
		}
	}
	lines := lineReader{in: bufio.NewReaderSize(file, 64<<10)}
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return imported{}, err
		}
		if faults := importer.Add(line); len(faults) > 0 {
			refused(faults)
		}
		if !importer.Full() {
			continue
		}
		faults, err := importer.Flush(c.ctx)
		if err != nil {
			return imported{}, err
		}
		refused(faults)
		bar.show(lines.read, importer.Run())
	}
	faults, err := importer.Finish(c.ctx)
	if err != nil {
		return imported{}, err
	}
	refused(faults)
	bar.show(size, importer.Run())
	bar.end()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return imported{run: importer.Run(), took: c.now().Sub(began), memory: memory.Sys, resume: resume}, nil
}

// lineReader gives line by line without their ends. A line longer than is allowed is cut one byte after
// the bound, so that it is refused as too long and fills no memory.
type lineReader struct {
	in   *bufio.Reader
	line []byte
	read int64 // bytes
}

// next returns the next line, valid until the following call, or io.EOF.
func (l *lineReader) next() ([]byte, error) {
	l.line = l.line[:0]
	began := false
	for {
		part, err := l.in.ReadSlice('\n')
		l.read += int64(len(part))
		began = began || len(part) > 0
		if room := account.ImportLineMax + 2 - len(l.line); room > 0 {
			l.line = append(l.line, part[:min(room, len(part))]...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && began, err == nil:
			return []byte(strings.TrimRight(string(l.line), "\r\n")), nil
		default:
			return nil, err
		}
	}
}

// progress draws a bar on a terminal, and says plainly how far it is everywhere else.
type progress struct {
	console

	size  int64
	shown int64 // tenths said so far
	drawn bool
}

const barWidth = 30

func (b *progress) show(read int64, run account.ImportRun) {
	if b.size == 0 {
		return
	}
	state := fmt.Sprintf("%3d %%  %d lines, %d refused", read*100/b.size, run.LastLine, run.Rejected)
	if b.terminal {
		full := int(read * barWidth / b.size)
		b.drawf("\r[%s%s] %s", strings.Repeat("#", full), strings.Repeat("·", barWidth-full), state)
		b.drawn = true
		return
	}
	if tenth := read * 10 / b.size; tenth > b.shown {
		b.shown = tenth
		b.complainf("%s", state)
	}
}

// clear makes room for a line of its own.
func (b *progress) clear() {
	if b.drawn {
		b.drawf("\r\x1b[K")
		b.drawn = false
	}
}

func (b *progress) end() {
	if b.drawn {
		b.complainf("")
	}
}

// isTerminal reports whether progress may be drawn over itself.
func isTerminal(f *os.File) bool { return isatty.IsTerminal(f.Fd()) }
