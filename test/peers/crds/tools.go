package crds

import (
	_ "github.com/fluxcd/notification-controller/api/v1beta3"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)
