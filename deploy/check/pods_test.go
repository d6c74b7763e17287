package check

import (
	"fmt"
	"strings"
	"testing"
)

// checkPods holds what runs in the pods against heed itself and against the rules of a hardened pod.
func checkPods(t *testing.T, objects []*object) {
	t.Helper()
	var config string
	for _, o := range objects {
		if o.Kind == "ConfigMap" {
			config = o.Data["heed.yaml"]
		}
	}
	for _, o := range objects {
		if o.Kind != "StatefulSet" && o.Kind != "Deployment" {
			continue
		}
		pod := at(o.Spec, "template", "spec")
		container := at(pod, "containers", 0).(map[string]any)
		role := fmt.Sprint(at(container, "args", 0))
		if !commands(t)[role] {
			t.Errorf("%v runs heed %s, which is no command", o, role)
		}
		checkConfig(t, o.String(), role, config, environment(container))
		checkHardened(t, o, pod, container)
		checkVolumes(t, o, pod, container)
		checkInstall(t, o, pod, container)
	}
}

// checkInstall: the install's secret is a file where it is needed, to seal or to sign, and nowhere else.
func checkInstall(t *testing.T, o *object, pod any, container map[string]any) {
	t.Helper()
	var named, mounted string
	for _, line := range environment(container) {
		if path, ok := strings.CutPrefix(line, "HEED_INSTALL_SECRET_FILE="); ok {
			named = path
		}
	}
	for _, m := range container["volumeMounts"].([]any) {
		if at(m, "name") == "install" {
			mounted = fmt.Sprint(at(m, "mountPath"))
		}
	}
	for _, v := range at(pod, "volumes").([]any) {
		if at(v, "name") == "install" {
			mounted += fmt.Sprint("/", at(v, "secret", "items", 0, "path"))
		}
	}
	if needed := at(container, "args", 0) != "report"; named != mounted || (named != "") != needed {
		t.Errorf("%v reads the install's secret from %q and has it at %q; it needs it: %v", o, named, mounted, needed)
	}
}

// environment is what the container's variables say; a secret's place is taken by something of its form.
func environment(container map[string]any) (env []string) {
	for _, e := range container["env"].([]any) {
		name, value := at(e, "name").(string), at(e, "value")
		if value == nil {
			value = "clickhouse://heed:secret-secret-secret-secret@clickhouse:9000/heed"
		}
		env = append(env, fmt.Sprintf("%s=%s", name, value))
	}
	return env
}

func checkHardened(t *testing.T, o *object, pod any, container map[string]any) {
	t.Helper()
	for _, rule := range []struct {
		name string
		got  any
		want any
	}{
		{"runAsNonRoot", at(pod, "securityContext", "runAsNonRoot"), true},
		{"seccompProfile", at(pod, "securityContext", "seccompProfile", "type"), "RuntimeDefault"},
		{"automountServiceAccountToken", at(pod, "automountServiceAccountToken"), false},
		{"allowPrivilegeEscalation", at(container, "securityContext", "allowPrivilegeEscalation"), false},
		{"readOnlyRootFilesystem", at(container, "securityContext", "readOnlyRootFilesystem"), true},
		{"capabilities", at(container, "securityContext", "capabilities", "drop", 0), "ALL"},
	} {
		if rule.got != rule.want {
			t.Errorf("%v: %s = %v, want %v", o, rule.name, rule.got, rule.want)
		}
	}
	for _, name := range []string{"startupProbe", "livenessProbe", "readinessProbe", "resources"} {
		if container[name] == nil {
			t.Errorf("%v has no %s", o, name)
		}
	}
	if grace := at(pod, "terminationGracePeriodSeconds").(int); grace <= 30 {
		t.Errorf("%v is killed after %d s, within heed's drain_timeout of 30 s", o, grace)
	}
}

// checkVolumes finds mounts without a volume, volumes without a mount, and probes of ports that are not there.
func checkVolumes(t *testing.T, o *object, pod any, container map[string]any) {
	t.Helper()
	volumes := map[any]bool{} // whether it is mounted
	for _, list := range []any{at(pod, "volumes"), at(o.Spec, "volumeClaimTemplates")} {
		volumeList, _ := list.([]any)
		for _, v := range volumeList {
			name := at(v, "name")
			if name == nil {
				name = at(v, "metadata", "name")
			}
			volumes[name] = false
		}
	}
	for _, m := range container["volumeMounts"].([]any) {
		if _, known := volumes[at(m, "name")]; !known {
			t.Errorf("%v mounts %v, which is no volume", o, at(m, "name"))
		}
		volumes[at(m, "name")] = true
	}
	for name, mounted := range volumes {
		if !mounted {
			t.Errorf("%v has a volume %v that nothing mounts", o, name)
		}
	}
	ports := map[any]bool{}
	for _, p := range container["ports"].([]any) {
		ports[at(p, "name")] = true
	}
	for name := range container {
		if strings.HasSuffix(name, "Probe") && !ports[at(container, name, "httpGet", "port")] {
			t.Errorf("%v: %s asks a port that is not there", o, name)
		}
	}
}
