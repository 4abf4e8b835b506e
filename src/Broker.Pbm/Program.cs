using Broker.Pbm;
using Broker.Pbm.Session;

using var console = PbmConsole.OfProcess();
using var interruption = new Interruption();
await using var application = new PbmApplication(console, BrokerSession.ConnectAsync);
if (args.Length > 0 || !console.IsInteractive)
{
    return (int)await RunAsync(args);
}

await Prompt.RunAsync(console, Console.In, RunAsync);
return (int)ExitCode.Ok;

Task<ExitCode> RunAsync(IReadOnlyList<string> words) => interruption.RunAsync(cancellationToken => application.RunAsync(words, cancellationToken));
