package main

import (
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

var (
	errPlatform = errors.New("the ClickHouse engine is packaged for Linux on x86-64 with glibc alone, and this is " +
		runtime.GOOS + "/" + runtime.GOARCH)
	errNoLock = errors.New("there is no package-lock.json here")
)

// toolError is the exit of npm or mvn with the end of what it said, or why there is none.
type toolError struct {
	tool string
	err  error
	said string
}

func (e *toolError) Error() string {
	return strings.TrimRight("run "+e.tool+": "+e.err.Error()+"\n"+e.said, "\n")
}

func (e *toolError) Unwrap() error { return e.err }

func checkPlatform() error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return errPlatform
	}
	return nil
}

// remedy says what to do about an error, where that is known.
func remedy(err error) string {
	said, maven := "", false
	if tool, ok := errors.AsType[*toolError](err); ok {
		said, maven = tool.said, tool.tool == "mvn"
	}
	has := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(said, word) {
				return true
			}
		}
		return false
	}
	switch {
	case errors.Is(err, errPlatform), has("EBADPLATFORM"):
		return "elsewhere heed runs with a ClickHouse server: give it the server's DSN; it needs nothing from here"
	case errors.Is(err, errNoLock):
		return "run it in the root of the repository, or name that with --root"
	case errors.Is(err, exec.ErrNotFound) && maven:
		return "install Java 17 or newer and Maven (Debian: apt-get install default-jre-headless maven)"
	case errors.Is(err, exec.ErrNotFound):
		return "install Node.js 20 or newer, which brings npm (Debian: apt-get install npm)"
	case errors.Is(err, syscall.ENOSPC), has("ENOSPC", "No space left"):
		return "the disk is full: the packages need 0.8 GB here and 0.3 GB in npm's cache; make room and run it again"
	case has("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ERR_SOCKET_TIMEOUT"):
		return "npm's registry cannot be reached: check the network and npm's proxy settings, and run it again"
	case maven && has("Unknown host", "Connection refused", "Connection reset", "timed out", "Could not transfer"):
		return "Maven Central cannot be reached: check the network and the mirror and proxy in Maven's settings.xml, " +
			"and run it again"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EROFS), has("EACCES", "EROFS"):
		return "make the repository's folder writable for this user"
	case has("EINTEGRITY"):
		return "what npm received is not what package-lock.json expects: clear npm's cache and run it again"
	case has("EUSAGE"):
		return "package.json and package-lock.json do not belong together: check both out again"
	}
	return ""
}
