using System.CommandLine;
using Broker.Node;

// The host reacts to SIGTERM and Ctrl-C itself and takes the time it needs; the parser's own two-second limit would cut it short.
return await NodeCommandLine.Build().Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
