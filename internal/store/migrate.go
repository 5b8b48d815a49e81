package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// A migration says in its first lines which programs work beside it; what it does not say is no:
//
//	-- former program: yes           the program that knows the schema before this one works on this schema too
//	-- this program before it: yes   this program works on the schema before this one
//
// The first is noted in the database, because the former program cannot know: see metaFloor.
const (
	saysFormer = "-- former program: yes"
	saysBefore = "-- this program before it: yes"
)

// metaFloor is the schema that a program has to know at least: "14:13" says that on schema 14 a program works that knows 13. The
// schema stands in front so that a note of an earlier migration is never taken for one of a later.
const metaFloor = "schema floor"

// NewerSchemaError says that the database was migrated by a newer program than this one, which cannot work on it.
type NewerSchemaError struct {
	Database, Program int64 // schema versions
}

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("store: the database has schema %d, this program knows schemas up to %d and cannot work on it: use the newer program", e.Database, e.Program)
}

// OlderSchemaError says that the database still has to be migrated.
type OlderSchemaError struct {
	Database, Program int64 // schema versions
}

func (e *OlderSchemaError) Error() string {
	return fmt.Sprintf("store: the database has schema %d, this program needs %d: run `doverie migrate`", e.Database, e.Program)
}

// RunningError says that servers of a program that cannot work on the new schema are running.
type RunningError struct{ Database, Program int64 }

func (e *RunningError) Error() string {
	return fmt.Sprintf("store: servers that know schema %d are running, and cannot work on schema %d: stop every server, migrate, start the new program "+
		"(docs/operations.md, Upgrading)", e.Database, e.Program)
}

// says reports whether the migration of that version says the line; false when there is none.
func says(version int64, line string) bool {
	names, err := fs.Glob(migrationFiles, fmt.Sprintf("migrations/%04d_*.sql", version))
	if err != nil || len(names) != 1 {
		return false
	}
	text, err := migrationFiles.ReadFile(names[0])
	return err == nil && slices.Contains(strings.Split(string(text), "\n"), line)
}

// floorOf is what a program has to know at least to work on the schema.
func floorOf(schema int64, formerWorks bool) int64 {
	if formerWorks {
		return schema - 1
	}
	return schema
}

// fits judges whether a program that knows schemas up to program works on the database's. floor is the note of metaFloor, before
// whether this program works on the schema before its own.
func fits(database, program int64, floor string, before bool) error {
	switch {
	case database > program:
		noted, lowest, ok := strings.Cut(floor, ":")
		least, err := strconv.ParseInt(lowest, 10, 64)
		if !ok || err != nil || noted != strconv.FormatInt(database, 10) || program < least {
			return &NewerSchemaError{Database: database, Program: program}
		}
	case database < program-1, database < program && !before:
		return &OlderSchemaError{Database: database, Program: program}
	}
	return nil
}

func (s *Store) provider() (*goose.Provider, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_versions"), goose.WithAllowOutofOrder(true)}
	if s.d.goose == goose.DialectPostgres {
		// Several processes may start at once: one migrates, the others wait. On SQLite there is one
		// process, and its one writer connection is the lock.
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(s.d.goose, s.write, files, options...)
}

// Migrate brings the schema up to this program's version: forward only, each migration in a
// transaction of its own. A newer schema is left as it is when this program works on it. Error: NewerSchemaError.
func (s *Store) Migrate(ctx context.Context) error {
	p, err := s.provider()
	if err != nil {
		return fmt.Errorf("store: migrations: %w", err)
	}
	database, program, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("store: schema version: %w", err)
	}
	if database > program {
		return s.CheckSchema(ctx)
	}
	if database == program {
		return s.noteFloor(ctx, program)
	}
	if _, err = p.Up(ctx); err != nil {
		return fmt.Errorf("store: migrate: %w", err)
	}
	return s.noteFloor(ctx, program)
}

// MigrateBeside is Migrate for an administrator: it does nothing when servers of the former program run, which could not work on
// the new schema. used tells that somebody has the SQLite file open; PostgreSQL is asked for connections beside this
// store's one (Options.Conns is 1). Errors: RunningError, NewerSchemaError.
func (s *Store) MigrateBeside(ctx context.Context, used bool) error {
	database, program, err := s.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	if database > 0 && database < program && NeedsStop(database, program) {
		others, err := s.Others(ctx)
		if err != nil {
			return err
		}
		if used || others > 0 {
			return &RunningError{Database: database, Program: program}
		}
	}
	return s.Migrate(ctx)
}

// NeedsStop reports whether servers that know the schema database must not run while this program brings it to its own.
func NeedsStop(database, program int64) bool {
	return database < floorOf(program, says(program, saysFormer))
}

// noteFloor tells former programs whether they work on this schema.
func (s *Store) noteFloor(ctx context.Context, program int64) error {
	note := fmt.Sprintf("%d:%d", program, floorOf(program, says(program, saysFormer)))
	return s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		if noted, err := readMeta(ctx, tx, metaFloor); err != nil || noted == note {
			return err
		}
		return writeMeta(ctx, tx, metaFloor, note)
	})
}

// SchemaVersion returns the version of the database and the newest one this program knows.
func (s *Store) SchemaVersion(ctx context.Context) (database, program int64, err error) {
	p, err := s.provider()
	if err != nil {
		return 0, 0, fmt.Errorf("store: migrations: %w", err)
	}
	if database, program, err = p.GetVersions(ctx); err != nil {
		return 0, 0, fmt.Errorf("store: schema version: %w", err)
	}
	return database, program, nil
}

// CheckSchema is asked before serving: nil when this program works on the database's schema, NewerSchemaError or OlderSchemaError.
func (s *Store) CheckSchema(ctx context.Context) error {
	database, program, err := s.SchemaVersion(ctx)
	if err != nil || database == program {
		return err
	}
	floor := ""
	if database > program {
		err = s.Read(ctx, func(ctx context.Context, q Querier) error {
			floor, err = readMeta(ctx, q, metaFloor)
			return err
		})
	}
	if err != nil {
		return err
	}
	return fits(database, program, floor, says(program, saysBefore))
}
