// A service in Go that does the job of environment-ready and nothing else, as the service did that gh-runner replaces: it
// reads values.yaml from raw.githubusercontent.com, light before heavy, and sends the commit in a repository_dispatch. Nothing
// is stored, and nothing is tried again. The benches compare with it where the service itself is not at hand.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

const rawFiles = "https://raw.githubusercontent.com"

var (
	apiURL     = setting("GITHUB_API_URL", "https://api.github.com")
	target     = setting("TARGET_REPO", "")
	deployment = setting("DEPLOYMENT_REPO", "")
	token      = os.Getenv("GITHUB_TOKEN")
	// HTTPS_PROXY and SSL_CERT_FILE hold for it, as for every client of net/http.
	client = &http.Client{Timeout: 15 * time.Second}
)

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

type values struct {
	Global struct {
		Config struct {
			Tag string `yaml:"DEPLOYMENT_TAG"`
		} `yaml:"config"`
	} `yaml:"global"`
}

func main() {
	// Connections to GitHub are kept for as many requests as come at the same time.
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 100
	http.HandleFunc("GET /health", func(out http.ResponseWriter, _ *http.Request) {
		answer(out, http.StatusOK, map[string]string{"status": "healthy"})
	})
	http.HandleFunc("POST /dispatch", dispatch)
	log.Fatal(http.ListenAndServe(net.JoinHostPort(setting("HOST", ""), setting("PORT", "9555")), nil))
}

func dispatch(out http.ResponseWriter, in *http.Request) {
	var body struct {
		Application string `json:"application"`
		Token       string `json:"github_token"`
	}
	if err := json.NewDecoder(in.Body).Decode(&body); err != nil {
		answer(out, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	if !strings.HasPrefix(body.Application, "pr-") {
		reason := "application name doesn't start with 'pr-'"
		answer(out, http.StatusOK, map[string]string{"status": "skipped", "reason": reason})
		return
	}
	if body.Token == "" {
		body.Token = token
	}
	commit, status, err := commitOf(body.Application, body.Token)
	if err == nil {
		status, err = http.StatusInternalServerError, send(commit, body.Application, body.Token)
	}
	if err != nil {
		log.Printf("%s: %v", body.Application, err)
		answer(out, status, map[string]string{"error": err.Error()})
		return
	}
	log.Printf("%s: dispatched %s", body.Application, commit)
	answer(out, http.StatusOK, map[string]string{"status": "success", "commitHash": commit, "sourceName": body.Application})
}

func commitOf(application, token string) (string, int, error) {
	for _, size := range []string{"light", "heavy"} {
		file := fmt.Sprintf("%s/%s/HEAD/configs/pr/%s/%s/values.yaml", rawFiles, deployment, size, url.PathEscape(application))
		status, text, err := ask("GET", file, token, nil)
		if err != nil {
			return "", http.StatusInternalServerError, err
		}
		if status == http.StatusNotFound {
			continue
		}
		if status != http.StatusOK {
			return "", http.StatusInternalServerError, fmt.Errorf("%s was answered %d", file, status)
		}
		var read values
		if err := yaml.Unmarshal(text, &read); err != nil {
			return "", http.StatusInternalServerError, err
		}
		if read.Global.Config.Tag == "" {
			return "", http.StatusInternalServerError, fmt.Errorf("%s has no DEPLOYMENT_TAG", file)
		}
		return read.Global.Config.Tag, 0, nil
	}
	return "", http.StatusNotFound, fmt.Errorf("no values.yaml of %s", application)
}

func send(commit, application, token string) error {
	payload, err := json.Marshal(map[string]any{
		"event_type":     "environment_ready",
		"client_payload": map[string]string{"commitHash": commit, "sourceName": application},
	})
	if err != nil {
		return err
	}
	status, _, err := ask("POST", apiURL+"/repos/"+target+"/dispatches", token, payload)
	if err == nil && status != http.StatusNoContent {
		err = fmt.Errorf("the dispatch was answered %d", status)
	}
	return err
}

func ask(method, address, token string, body []byte) (int, []byte, error) {
	request, err := http.NewRequest(method, address, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Accept", "application/vnd.github+json")
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, text, err
}

func answer(out http.ResponseWriter, status int, body map[string]string) {
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(status)
	_ = json.NewEncoder(out).Encode(body)
}
