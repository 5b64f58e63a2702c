// Does with a notifications ConfigMap what ArgoCD's notifications-engine does: the body of a webhook is a Go text/template
// with the functions of sprig, less env and expandenv; a trigger's condition is an expression of expr, compiled without
// types and run on the same variables. The condition is run by the expr of the oldest and of the newest ArgoCD that the
// documents name. Reads and writes JSON; test/support/argocd.ts runs it.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	older "github.com/antonmedv/expr"
	newer "github.com/expr-lang/expr"
)

type question struct {
	Body              string           `json:"body"`
	When              string           `json:"when"`
	MissingKeyIsError bool             `json:"missingKeyIsError"`
	Variables         []map[string]any `json:"variables"`
}

type answer struct {
	Body      string             `json:"body"`
	Error     string             `json:"error,omitempty"`
	Triggered map[string]verdict `json:"triggered"`
}

// verdict is true or false, or why the condition could not be decided.
type verdict any

func main() {
	var asked question
	must(json.NewDecoder(os.Stdin).Decode(&asked))
	functions := sprig.TxtFuncMap()
	delete(functions, "env")
	delete(functions, "expandenv")
	body := template.New("body").Funcs(functions)
	if asked.MissingKeyIsError {
		body = body.Option("missingkey=error")
	}
	body, err := body.Parse(asked.Body)
	must(err)
	conditions := map[string]func(any) (any, error){}
	if asked.When != "" {
		// argo-cd v2.13.9 requires antonmedv/expr v1.15.1, v3.2.6 requires expr-lang/expr v1.17.7.
		of2, err := older.Compile(asked.When)
		must(err)
		of3, err := newer.Compile(asked.When)
		must(err)
		conditions["2.13.9"] = func(variables any) (any, error) { return older.Run(of2, variables) }
		conditions["3.2.6"] = func(variables any) (any, error) { return newer.Run(of3, variables) }
	}

	answers := []answer{}
	for _, variables := range asked.Variables {
		one := answer{Triggered: map[string]verdict{}}
		var text bytes.Buffer
		if err := body.Execute(&text, variables); err != nil {
			one.Error = err.Error()
		} else {
			one.Body = text.String()
		}
		for version, run := range conditions {
			if value, err := run(variables); err != nil {
				one.Triggered[version] = err.Error()
			} else {
				one.Triggered[version] = value
			}
		}
		answers = append(answers, one)
	}
	must(json.NewEncoder(os.Stdout).Encode(answers))
}

func must(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}
