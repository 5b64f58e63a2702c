// Reads values files as the Go service did, with yaml.v3 into a struct, and as Helm does, with sigs.k8s.io/yaml into a map.
// Standard input is a JSON list of files, each as base64; standard output is what was read of each.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"gopkg.in/yaml.v3"
	helm "sigs.k8s.io/yaml"
)

type values struct {
	Global struct {
		Config struct {
			DeploymentTag string `yaml:"DEPLOYMENT_TAG"`
		} `yaml:"config"`
	} `yaml:"global"`
}

type answer struct {
	Text  string `json:"text"`
	Error string `json:"error,omitempty"`
	// Why Helm would not read the file.
	Helm string `json:"helm,omitempty"`
}

func main() {
	var files [][]byte
	if err := json.NewDecoder(os.Stdin).Decode(&files); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	answers := []answer{}
	for _, file := range files {
		answers = append(answers, read(file))
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(file []byte) (one answer) {
	defer func() {
		if problem := recover(); problem != nil {
			one.Error = fmt.Sprint("panic: ", problem)
		}
	}()
	var of values
	if err := yaml.Unmarshal(file, &of); err != nil {
		one.Error = err.Error()
	} else {
		one.Text = of.Global.Config.DeploymentTag
	}
	if err := helm.Unmarshal(file, &map[string]any{}); err != nil {
		one.Helm = err.Error()
	}
	return one
}
