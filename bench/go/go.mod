module fairlead.example/bench

go 1.22

require github.com/prometheus/procfs v0.15.1

require golang.org/x/sys v0.20.0 // indirect
