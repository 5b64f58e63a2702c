// ArgoCD's notifications controller as `argocd-notifications` starts it, without the server of its metrics, which listens on
// every interface. Its first argument is --processors-count; KUBECONFIG names the cluster.
package main

import (
	"context"
	"os"
	"strconv"

	"github.com/argoproj/argo-cd/v3/notification_controller/controller"
	"github.com/argoproj/argo-cd/v3/reposerver/apiclient"
	service "github.com/argoproj/argo-cd/v3/util/notification/argocd"
	engine "github.com/argoproj/notifications-engine/pkg/controller"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const namespace = "argocd"

func main() {
	processors := must(strconv.Atoi(os.Args[1]))
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

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
