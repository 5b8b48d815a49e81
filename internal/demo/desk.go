package demo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

// Employee is somebody at the demonstration's service desk.
type Employee struct {
	Login, Name string
	Role        desk.Role
}

// Employees lists two operators, so that two can agree, and an administrator.
func Employees() []Employee {
	return []Employee{
		{"anna", "Анна Викторовна", desk.Clerk}, {"boris", "Борис Олегович", desk.Clerk}, {"galina", "Галина Павловна", desk.Administrator},
	}
}

// key is the employee's code generator: known to everybody, like every secret of a demonstration.
func (e Employee) key() []byte {
	sum := sha256.Sum256([]byte("doverie demonstration " + e.Login))
	return sum[:20]
}

// Employ makes the employees and their office, once. They have been there for as long as it takes to settle: in a
// demonstration two operators agree at once.
func Employ(ctx context.Context, staff *desk.Staff) error {
	earlier := *staff
	earlier.Now = func() time.Time { return staff.Now().Add(-staff.Policy.OperatorSettling) }
	return employ(ctx, &earlier)
}

func employ(ctx context.Context, staff *desk.Staff) error {
	act := effect.Act{Actor: effect.System, Device: "doverie demo"}
	for _, e := range Employees() {
		if _, err := staff.Store.OperatorByLogin(ctx, e.Login); !fault.Is(err, fault.NotFound) {
			if err != nil {
				return fmt.Errorf("demo: look for the operators: %w", err)
			}
			continue
		}
		_, code, err := staff.InviteFirst(ctx, act, desk.NewOperator{Login: e.Login, Name: e.Name, Role: e.Role}, "МФЦ «Заречный»", "Новосибирск, Заречная улица, 5")
		if err != nil {
			return fmt.Errorf("demo: operator: %w", err)
		}
		enrolling, err := staff.Enrolling(ctx, act, code)
		if err != nil {
			return fmt.Errorf("demo: operator: %w", err)
		}
		offer, err := staff.OfferKey(ctx, enrolling.Token, e.key())
		if err != nil {
			return fmt.Errorf("demo: operator: %w", err)
		}
		// The code of the step before: the one that the page shows is still unused.
		before := staff.Now().Add(-30 * time.Second)
		if _, err := staff.FirstPassword(ctx, act, enrolling.Token, Password, offer.Sealed, secret.TOTPCode(e.key(), before)); err != nil {
			return fmt.Errorf("demo: operator: %w", err)
		}
	}
	return nil
}
