#!/usr/bin/env node
import "./cli/oldest-node.ts";
import "./cli/program.ts";
