-- What wrk sends, and how it tells what it saw: bench/load.py gives the arguments.

local method, before, after, paths = "GET", "", "", {}
local sent, began = 0, os.time() -- together, no two requests of two runs are alike

function init(args)
  method, before, after = args[1], args[2], args[3]
  for i = 4, #args do paths[#paths + 1] = args[i] end
end

function request()
  sent = sent + 1
  local body = nil
  if method == "POST" then body = before .. began .. "-" .. sent .. after end
  return wrk.format(method, paths[sent % #paths + 1], nil, body)
end

function done(summary, latency, requests)
  local e = summary.errors
  io.stderr:write(string.format(
    '{"requests": %d, "duration_us": %d, "errors": %d, "p50_us": %d, "p99_us": %d, "max_us": %d}',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
