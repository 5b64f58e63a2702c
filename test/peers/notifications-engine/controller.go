package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/argoproj/notifications-engine/pkg/api"
	"github.com/argoproj/notifications-engine/pkg/controller"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/tools/cache"
)

var applications = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}

// oneAPI is what ArgoCD's factory gives while its ConfigMap and Secret stay as they are.
type oneAPI struct{ api api.API }

func (one oneAPI) GetAPI() (api.API, error) { return one.api, nil }
func (one oneAPI) GetAPIsFromNamespace(namespace string) (map[string]api.API, error) {
	return map[string]api.API{namespace: one.api}, nil
}

// watchApplications runs the controller, with as many processors as asked for, on applications that come on standard
// input, one as JSON after the other: a new one, or a new status of one. Says when the controller has each ("applied"), and
// when it has looked at one ("processed").
func watchApplications(engine api.API, processors int, input *json.Decoder) {
	var output sync.Mutex
	say := func(what string, app *unstructured.Unstructured) {
		phase, _, _ := unstructured.NestedString(app.Object, "status", "operationState", "phase")
		revision, _, _ := unstructured.NestedString(app.Object, "status", "operationState", "syncResult", "revision")
		output.Lock()
		defer output.Unlock()
		must(json.NewEncoder(os.Stdout).Encode([]string{what, app.GetName(), phase, revision}))
	}

	scheme := runtime.NewScheme()
	lists := map[schema.GroupVersionResource]string{applications: "ApplicationList"}
	client := fake.NewSimpleDynamicClientWithCustomListKinds(scheme, lists).Resource(applications)
	ctx := context.Background()
	informer := cache.NewSharedIndexInformer(&cache.ListWatch{
		ListFunc:  func(o metav1.ListOptions) (runtime.Object, error) { return client.List(ctx, o) },
		WatchFunc: func(o metav1.ListOptions) (watch.Interface, error) { return client.Watch(ctx, o) },
	}, &unstructured.Unstructured{}, time.Hour, cache.Indexers{})
	processed := controller.WithEventCallback(func(events controller.NotificationEventSequence) {
		if app, ok := events.Resource.(*unstructured.Unstructured); ok {
			say("processed", app)
		}
	})
	watching := controller.NewController(client, informer, oneAPI{engine}, processed)
	go informer.Run(ctx.Done())
	cache.WaitForCacheSync(ctx.Done(), informer.HasSynced)
	go watching.Run(processors, ctx.Done())

	for {
		var app unstructured.Unstructured
		if err := input.Decode(&app.Object); err == io.EOF {
			return
		} else {
			must(err)
		}
		mine := client.Namespace(app.GetNamespace())
		if known, err := mine.Get(ctx, app.GetName(), metav1.GetOptions{}); err == nil {
			// The controller remembers in annotations what it has sent.
			app.SetAnnotations(known.GetAnnotations())
			_, err = mine.Update(ctx, &app, metav1.UpdateOptions{})
			must(err)
		} else {
			_, err = mine.Create(ctx, &app, metav1.CreateOptions{})
			must(err)
		}
		for {
			seen, ok, err := informer.GetStore().GetByKey(app.GetNamespace() + "/" + app.GetName())
			must(err)
			if ok && reflect.DeepEqual(seen.(*unstructured.Unstructured).Object["status"], app.Object["status"]) {
				break
			}
			time.Sleep(time.Millisecond)
		}
		say("applied", &app)
	}
}
