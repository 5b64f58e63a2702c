// Two parts of ArgoCD. `controller N` is its notifications controller with --processors-count N, without the server of its
// metrics, which would listen on every interface; KUBECONFIG names the cluster. `render` reads an ApplicationSet and the
// parameters of a generator as a JSON list, and prints the Application that the ApplicationSet controller would make.
package main

import (
	"context"
	"encoding/json"
	"os"
	"strconv"

	"github.com/argoproj/argo-cd/v3/applicationset/utils"
	"github.com/argoproj/argo-cd/v3/notification_controller/controller"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/reposerver/apiclient"
	service "github.com/argoproj/argo-cd/v3/util/notification/argocd"
	engine "github.com/argoproj/notifications-engine/pkg/controller"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const namespace = "argocd"

func main() {
	if os.Args[1] == "render" {
		render()
		return
	}
	processors := must(strconv.Atoi(os.Args[2]))
	config := must(clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG")))
	core := must(kubernetes.NewForConfig(config))
	// Asked only by templates that use the functions of `repo`.
	repositories := apiclient.NewRepoServerClientset("127.0.0.1:1", 5, apiclient.TLSConfiguration{DisableTLS: true})
	argocd := must(service.NewArgoCDService(core, namespace, repositories))
	watching := controller.NewController(core, must(dynamic.NewForConfig(config)), argocd, namespace, nil, "",
		engine.NewMetricsRegistry("argocd"), "argocd-notifications-secret", "argocd-notifications-cm", false)
	if err := watching.Init(context.Background()); err != nil {
		panic(err)
	}
	watching.Run(context.Background(), processors)
}

func render() {
	var set v1alpha1.ApplicationSet
	var parameters map[string]any
	if err := json.NewDecoder(os.Stdin).Decode(&[]any{&set, &parameters}); err != nil {
		panic(err)
	}
	made := v1alpha1.Application{Spec: set.Spec.Template.Spec}
	made.Name = set.Spec.Template.Name
	made.Annotations = set.Spec.Template.Annotations
	renderer := utils.Render{}
	application := must(renderer.RenderTemplateParams(&made, nil, parameters, set.Spec.GoTemplate, set.Spec.GoTemplateOptions))
	if err := json.NewEncoder(os.Stdout).Encode(application); err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
