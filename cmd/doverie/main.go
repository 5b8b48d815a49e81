// Command doverie is the identity server with recovery by a trusted contact: the server itself, a
// demonstration of it, and the acts of its administrator.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"doverie/internal/fault"
	"doverie/internal/i18n"
	"doverie/internal/policy"
)

// The exit codes.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2 // the command line or the configuration is wrong: nothing was begun
	exitFindings = 3 // done, and something was found: refused lines, a broken record
)

// errFindings ends a command that did its work and found something, which it has printed already.
var errFindings = errors.New("findings")

// commands is the command line.
type commands struct {
	Serve    serveCommand    `cmd:"" help:"Serve people, as the configuration says."`
	Demo     demoCommand     `cmd:"" help:"Serve a demonstration with demo people, their phones and a clock that can be set forward."`
	Migrate  migrateCommand  `cmd:"" help:"Bring the database's schema up to this program's version."`
	Policy   policyCommand   `cmd:"" help:"Print every number of the rules: key, value, bounds, meaning."`
	Admin    adminCommand    `cmd:"" help:"Acts of the administrator."`
	Audit    auditCommand    `cmd:"" help:"The event log."`
	Backup   backupCommand   `cmd:"" help:"Copy the SQLite database into a file while it is served from."`
	Restore  restoreCommand  `cmd:"" help:"Put a backup in the place of the SQLite database, behind a fence: nothing issued before works."`
	Fence    fenceCommand    `cmd:"" help:"Put the fence around a database that was restored with other tools: PostgreSQL, or a copied file."`
	Outreach outreachCommand `cmd:"" help:"The information campaign: the checked text, kits of materials, covering letters."`
	Version  versionCommand  `cmd:"" help:"Print the version of the program."`
}

// console is where a command reads and writes, and how it is told to stop.
type console struct {
	ctx      context.Context //nolint:containedctx // a command is one call: this is its argument
	out, err io.Writer
	environ  []string
	now      func() time.Time
	terminal bool // err is a terminal: progress may be drawn over itself
}

// sayf prints a line of the command's answer. A reader who went away is no failure of the command.
func (c console) sayf(format string, args ...any) { _, _ = fmt.Fprintf(c.out, format+"\n", args...) }

// complainf prints a line beside the answer.
func (c console) complainf(format string, args ...any) {
	_, _ = fmt.Fprintf(c.err, format+"\n", args...)
}

// drawf prints beside the answer without ending the line.
func (c console) drawf(format string, args ...any) { _, _ = fmt.Fprintf(c.err, format, args...) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(os.Args[1:], console{
		ctx: ctx, out: os.Stdout, err: os.Stderr, environ: os.Environ(), now: time.Now, terminal: isTerminal(os.Stderr),
	})
	stop()
	os.Exit(code)
}

// left ends parsing where kong would end the program: after --help.
type left int

// run is the whole program; its result is the exit code.
func run(args []string, c console) (code int) {
	defer func() {
		if v := recover(); v != nil {
			l, ok := v.(left)
			if !ok {
				panic(v)
			}
			code = int(l)
		}
	}()
	var cli commands
	parser, err := kong.New(&cli, kong.Name("doverie"), kong.UsageOnError(), kong.Writers(c.out, c.err),
		kong.Description("Doverie: an identity server with recovery by a trusted contact."),
		kong.Exit(func(code int) { panic(left(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: false}),
		kong.Bind(c))
	if err != nil {
		c.complainf("doverie: %v", err)
		return exitFailed
	}
	command, err := parser.Parse(doubleDashes(args))
	if err != nil {
		c.complainf("doverie: %v\ndoverie: see doverie -help", err)
		return exitUsage
	}
	return c.report(command.Run(c))
}

// report prints an error in plain words and gives the exit code.
func (c console) report(err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errFindings):
		return exitFindings
	case errors.Is(err, errConfig):
		c.complainf("doverie: %v", err)
		return exitUsage
	}
	c.complainf("doverie: %v", words(err))
	return exitFailed
}

// words is the English sentence of a fault, with its cause for the operator; any other error as it is.
func words(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	catalogue, loadErr := i18n.Load()
	if loadErr != nil {
		return err.Error()
	}
	text := sayFault(catalogue.Printer(i18n.English, policy.Default().Location()), f)
	if f.Cause != nil {
		text += " (" + f.Cause.Error() + ")"
	}
	return text
}

// doubleDashes lets -listen stand for --listen: the documented commands are written with one dash. There
// are no one-letter flags but -h.
func doubleDashes(args []string) []string {
	out := make([]string, 0, len(args))
	for i, arg := range args {
		switch {
		case arg == "--":
			return append(out, args[i:]...)
		case len(arg) > 2 && arg[0] == '-' && arg[1] != '-' && (arg[1] < '0' || arg[1] > '9'):
			arg = "-" + arg
		}
		out = append(out, arg)
	}
	return out
}
