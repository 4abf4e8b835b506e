using Broker.Pbm.Commands;
using Broker.Pbm.Output;
using Broker.Pbm.Session;

namespace Broker.Pbm.Messages;

/// <summary>Publishes bodies with a bounded number unanswered, and counts the answers.</summary>
internal sealed class PublishRun(CommandContext context, OutgoingMessage template)
{
    private const int MaxUnanswered = 1024;

    // A line for each of a million returns would help nobody.
    private const int MaxReasons = 10;
    private readonly Queue<Task<PublishResult>> _unanswered = new();
    private long _confirmed;
    private long _returned;
    private long _rejected;

    /// <summary>Publishes all and reports, also when it fails in the middle.</summary>
    public async Task<ExitCode> RunAsync(IAsyncEnumerable<ReadOnlyMemory<byte>> bodies, CancellationToken cancellationToken)
    {
        var session = await context.ConnectAsync(cancellationToken);
        try
        {
            await foreach (var body in bodies.WithCancellation(cancellationToken))
            {
                _unanswered.Enqueue(session.PublishAsync(template with { Body = body }, cancellationToken));
                while (_unanswered.Count > 0 && (_unanswered.Count >= MaxUnanswered || _unanswered.Peek().IsCompleted))
                {
                    await CountNextAsync(cancellationToken);
                }
            }

            while (_unanswered.Count > 0)
            {
                await CountNextAsync(cancellationToken);
            }
        }
        finally
        {
            Report();
        }

        return _returned + _rejected == 0 ? ExitCode.Ok : ExitCode.Failed;
    }

    private async Task CountNextAsync(CancellationToken cancellationToken)
    {
        var result = await context.WithinAsync(_unanswered.Peek(), "confirmation", cancellationToken);
        _ = _unanswered.Dequeue();
        switch (result.Outcome)
        {
            case PublishOutcome.Confirmed:
                _confirmed++;
                return;
            case PublishOutcome.Returned:
                _returned++;
                break;
            default:
                _rejected++;
                break;
        }

        if (_returned + _rejected <= MaxReasons)
        {
            context.Console.Error.WriteLine($"pbm: {result.Outcome.ToString().ToLowerInvariant()}: {PlainText.Visible(result.Reason)}");
        }
    }

    private void Report()
    {
        // Those that are still unanswered may or may not have arrived.
        (string Name, long Count)[] counts = [("confirmed", _confirmed), ("returned", _returned), ("rejected", _rejected), ("unknown", _unanswered.Count)];
        var output = context.Console.Output;
        output.WriteLine(context.Json
            ? JsonLine.Write(writer =>
            {
                writer.WriteStartObject();
                foreach (var (name, count) in counts)
                {
                    writer.WriteNumber(name, count);
                }

                writer.WriteEndObject();
            })
            : string.Join(", ", counts.Where((count, index) => index == 0 || count.Count > 0).Select(count => $"{count.Count} {count.Name}")));
        output.Flush();
    }
}
