package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// NewerSchemaError says that the database was migrated by a newer program than this one.
type NewerSchemaError struct {
	Database, Program int64 // schema versions
}

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("store: the database has schema %d, this program knows schemas up to %d: use the newer program", e.Database, e.Program)
}

// OlderSchemaError says that the database still has to be migrated.
type OlderSchemaError struct {
	Database, Program int64 // schema versions
}

func (e *OlderSchemaError) Error() string {
	return fmt.Sprintf("store: the database has schema %d, this program needs %d: run `doverie migrate`", e.Database, e.Program)
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
// transaction of its own. A newer schema is refused with NewerSchemaError.
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
		return &NewerSchemaError{Database: database, Program: program}
	}
	if database == program {
		return nil
	}
	if _, err = p.Up(ctx); err != nil {
		return fmt.Errorf("store: migrate: %w", err)
	}
	return nil
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

// CheckSchema is asked before serving: nil, NewerSchemaError or OlderSchemaError.
func (s *Store) CheckSchema(ctx context.Context) error {
	database, program, err := s.SchemaVersion(ctx)
	switch {
	case err != nil:
		return err
	case database > program:
		return &NewerSchemaError{Database: database, Program: program}
	case database < program:
		return &OlderSchemaError{Database: database, Program: program}
	}
	return nil
}
