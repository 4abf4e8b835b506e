using System.CommandLine;
using System.Text.Json.Nodes;
using Broker.Pbm.Commands;
using Broker.Pbm.Output;
using Broker.Pbm.Session;

namespace Broker.Pbm;

/// <summary>
/// Runs command lines. pbm's own commands are parsed at once; for any other, the node is asked for its list of commands first. One session serves all
/// command lines of an application.
/// </summary>
internal sealed class PbmApplication(PbmConsole console, Func<SessionTarget, CancellationToken, Task<IBrokerSession>> connect) : IAsyncDisposable
{
    private const int BrokenPipe = 32; // EPIPE; .NET passes the system's number through
    private readonly Dictionary<SessionTarget, (IBrokerSession Session, IReadOnlyList<CommandDescriptor>? Catalog)> _sessions = [];

    /// <summary>Runs one command line; errors go to the console's error output as one line.</summary>
    public async Task<ExitCode> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        try
        {
            return await DispatchAsync(arguments, cancellationToken);
        }
        catch (PbmException e)
        {
            return Fail(e.ExitCode, e.Message);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
        catch (IOException e) when (e.HResult == BrokenPipe)
        {
            return ExitCode.Failed; // as in `pbm ... | head`: whoever closed the pipe knows
        }
        catch (IOException e)
        {
            return Fail(ExitCode.Failed, $"cannot write the result: {e.Message}");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var (session, _) in _sessions.Values)
        {
            await session.DisposeAsync();
        }

        _sessions.Clear();
    }

    private async Task<ExitCode> DispatchAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var own = new CommandTree([], Context);
        var parsed = own.Parse(arguments);
        own.Options.Check(parsed);
        if (own.HelpWords(parsed) is { } words)
        {
            return await HelpAsync(own, parsed, words, cancellationToken);
        }

        if (own.IsOwnCommand(parsed) || arguments is ["--version"])
        {
            return await InvokeAsync(parsed, cancellationToken);
        }

        var tree = await FullTreeAsync(own, parsed, cancellationToken);
        return await InvokeAsync(tree.Parse(arguments), cancellationToken);
    }

    private async Task<ExitCode> HelpAsync(CommandTree own, ParseResult parsed, IReadOnlyList<string> words, CancellationToken cancellationToken)
    {
        var tree = own;
        if (words.Count == 0 || !own.IsOwnCommand(own.Parse(words)))
        {
            try
            {
                tree = await FullTreeAsync(own, parsed, cancellationToken);
            }
            catch (PbmException e) when (e.ExitCode is ExitCode.CannotConnect && words.Count == 0)
            {
                console.Error.WriteLine($"pbm: only pbm's own commands are listed, because no node tells its own: {e.Message}");
            }
        }

        if (words.Count > 0)
        {
            return await InvokeAsync(tree.Parse([.. words, "--help"]), cancellationToken);
        }

        HelpList.Write(tree, console, own.Options.Json(parsed));
        return ExitCode.Ok;
    }

    private async Task<ExitCode> InvokeAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        if (parsed.Errors.Count > 0)
        {
            var errors = parsed.Errors.Select(error => error.Message).Distinct();
            var help = $"help {CommandTree.NameOf(parsed)}".TrimEnd();
            return Fail(ExitCode.Usage, $"{string.Join(" ", errors)} See 'pbm {help}'.");
        }

        var configuration = new InvocationConfiguration
        {
            Output = console.Output,
            Error = console.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };
        var exitCode = (ExitCode)await parsed.InvokeAsync(configuration, cancellationToken);
        await console.Output.FlushAsync(cancellationToken);
        return exitCode;
    }

    private async Task<CommandTree> FullTreeAsync(CommandTree own, ParseResult parsed, CancellationToken cancellationToken)
    {
        var target = own.Options.Target(parsed);
        var context = Context(own, parsed);
        var session = await context.ConnectAsync(cancellationToken);
        if (_sessions[target].Catalog is not { } catalog)
        {
            catalog = await context.WithinAsync(ReadCatalogAsync(session, cancellationToken), "list of commands from the node", cancellationToken);
            _sessions[target] = (session, catalog);
        }

        return new CommandTree(catalog, Context);
    }

    private static async Task<IReadOnlyList<CommandDescriptor>> ReadCatalogAsync(IBrokerSession session, CancellationToken cancellationToken)
    {
        var catalog = new List<CommandDescriptor>();
        await foreach (var row in session.AdminAsync("catalog", new JsonObject(), cancellationToken))
        {
            catalog.Add(CommandDescriptor.Read(row));
        }

        return catalog;
    }

    private CommandContext Context(CommandTree tree, ParseResult parsed)
    {
        var timeout = tree.Options.Timeout(parsed);
        return new CommandContext(console, tree.Options.Json(parsed), timeout, async cancellationToken =>
        {
            var target = tree.Options.Target(parsed);
            if (_sessions.TryGetValue(target, out var existing))
            {
                return existing.Session;
            }

            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(timeout);
            try
            {
                var session = await connect(target, deadline.Token);
                _sessions[target] = (session, null);
                return session;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new PbmException(ExitCode.CannotConnect, "", $"no answer from {target.Host}:{target.Port} within {timeout.TotalSeconds:0.###} s");
            }
        });
    }

    private ExitCode Fail(ExitCode exitCode, string reason)
    {
        console.Error.WriteLine($"pbm: {PlainText.Visible(reason)}");
        return exitCode;
    }
}
