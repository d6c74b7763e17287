package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// copyDependencies is the goal that brings the jars, of a fixed version so that it means the same everywhere.
const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"

//go:embed kafka/pom.xml zookeeper/pom.xml
var poms embed.FS

// installJars brings the jars that name/pom.xml lists, and what they need, into lib/name. The pom is put beside them: a
// folder that holds the same one is whole, since the folder takes its name only when it is.
func installJars(ctx context.Context, lib, name string, p *progress) error {
	pom, err := poms.ReadFile(name + "/pom.xml")
	if err != nil {
		return err
	}
	target := filepath.Join(lib, name)
	if have, err := os.ReadFile(filepath.Join(target, "pom.xml")); err == nil && string(have) == string(pom) {
		return nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return &toolError{tool: "mvn", err: err}
	}
	temp, err := filepath.Abs(target + ".new") // Maven takes another folder for the current one
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(temp), os.MkdirAll(temp, 0o755)); err != nil {
		return err
	}
	file := filepath.Join(temp, "pom.xml")
	if err := os.WriteFile(file, pom, 0o644); err != nil {
		return err
	}
	p.say(fmt.Sprintf("fetching the jars of %s from Maven Central", name))
	cmd := exec.CommandContext(ctx, mvn, "--batch-mode", "--quiet", "--strict-checksums", "--file", file,
		copyDependencies, "-DoutputDirectory="+temp, "-DincludeScope=runtime")
	if err := runTool(cmd, temp, p); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return os.Rename(temp, target)
}
