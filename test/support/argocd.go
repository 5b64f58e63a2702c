// Does with a notifications ConfigMap what ArgoCD's notifications-engine does: the body of a webhook is a Go text/template
// with the functions of sprig, less env and expandenv; a trigger's condition is an expression of expr, compiled without
// types and run on the same variables. Reads and writes JSON; test/support/argocd.ts runs it.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"text/template"

	"github.com/Masterminds/sprig"
	"github.com/antonmedv/expr"
)

type question struct {
	Body              string                   `json:"body"`
	When              string                   `json:"when"`
	MissingKeyIsError bool                     `json:"missingKeyIsError"`
	Variables         []map[string]interface{} `json:"variables"`
}

type answer struct {
	Body      string `json:"body"`
	Error     string `json:"error,omitempty"`
	Triggered bool   `json:"triggered"`
	WhenError string `json:"whenError,omitempty"`
}

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
	when := asked.When
	if when == "" {
		when = "false"
	}
	condition, err := expr.Compile(when)
	must(err)

	answers := []answer{}
	for _, variables := range asked.Variables {
		var one answer
		var text bytes.Buffer
		if err := body.Execute(&text, variables); err != nil {
			one.Error = err.Error()
		} else {
			one.Body = text.String()
		}
		if value, err := expr.Run(condition, variables); err != nil {
			one.WhenError = err.Error()
		} else {
			one.Triggered, _ = value.(bool)
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
