// ArgoCD's notifications-engine itself: reads ArgoCD's ConfigMap and Secret, decides a trigger for each Application, and
// sends what it decides to send. Reads and writes JSON; test/argocd-engine.test.ts runs it.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"

	"github.com/argoproj/notifications-engine/pkg/api"
	"github.com/argoproj/notifications-engine/pkg/services"
	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
)

type question struct {
	ConfigMap    map[string]string `json:"configMap"`
	Secret       map[string]string `json:"secret"`
	Trigger      string            `json:"trigger"`
	Service      string            `json:"service"`
	Applications []map[string]any  `json:"applications"`
	// Runs the controller instead, with as many processors; applications then follow the question.
	Processors int `json:"processors"`
}

type answer struct {
	Triggered bool `json:"triggered"`
	// What sending led to, as ArgoCD writes it into its log.
	Error string `json:"error,omitempty"`
	// What was logged at the level of warnings or above.
	Log []string `json:"log"`
}

func main() {
	var asked question
	input := json.NewDecoder(os.Stdin)
	must(input.Decode(&asked))
	var logged bytes.Buffer
	log.SetOutput(&logged)
	log.SetLevel(log.WarnLevel)
	secret := corev1.Secret{Data: map[string][]byte{}}
	for key, value := range asked.Secret {
		secret.Data[key] = []byte(value)
	}
	config, err := api.ParseConfig(&corev1.ConfigMap{Data: asked.ConfigMap}, &secret)
	must(err)
	// ArgoCD adds functions, such as repo; ours uses none of them.
	engine, err := api.NewAPI(*config, func(app map[string]any, _ services.Destination) map[string]any {
		return map[string]any{"app": app}
	})
	must(err)

	if asked.Processors > 0 {
		watchApplications(engine, asked.Processors, input)
		return
	}
	answers := []answer{}
	for _, app := range asked.Applications {
		one := answer{}
		results, err := engine.RunTrigger(asked.Trigger, app)
		must(err)
		for _, result := range results {
			if !result.Triggered {
				continue
			}
			one.Triggered = true
			if err := engine.Send(app, result.Templates, services.Destination{Service: asked.Service}); err != nil {
				one.Error = err.Error()
			}
		}
		one.Log = strings.FieldsFunc(logged.String(), func(r rune) bool { return r == '\n' })
		logged.Reset()
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
