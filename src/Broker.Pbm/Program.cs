using Broker.Pbm;
using Broker.Pbm.Session;

using var console = PbmConsole.OfProcess();
using var interruption = new Interruption();
await using var application = new PbmApplication(console, static (_, _) => Task.FromException<IBrokerSession>(
    new PbmException(ExitCode.CannotConnect, "", "the client library is not part of this build")));
if (args.Length > 0 || !console.IsInteractive)
{
    return (int)await RunAsync(args);
}

await Prompt.RunAsync(console, Console.In, RunAsync);
return (int)ExitCode.Ok;

Task<ExitCode> RunAsync(IReadOnlyList<string> words) => interruption.RunAsync(cancellationToken => application.RunAsync(words, cancellationToken));
