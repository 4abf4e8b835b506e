using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using Broker.Pbm.Commands;
using Broker.Pbm.Session;
using Broker.Protocol;

namespace Broker.Pbm.Messages;

/// <summary>
/// <c>message consume</c>: prints bodies. Without <c>--follow</c> it takes what is ready, one by one so that nothing else is touched, and ends
/// when the queue is empty; with it, it waits for more. A message is settled after it was written. A log is always subscribed to, from an offset.
/// </summary>
internal static class ConsumeCommand
{
    private const int MaxPrefetch = 256;

    public static Command Build(Func<ParseResult, CommandContext> context)
    {
        var queue = new Argument<string>("queue") { Description = "The queue" };
        var count = new Option<long?>("--count") { Description = "End after so many messages" };
        var follow = new Option<bool>("--follow") { Description = "Wait for more when the queue is empty" };
        var noAck = new Option<bool>("--no-ack") { Description = "Have messages settled when they are sent: faster, and lost if pbm fails" };
        var offset = new Option<string?>("--offset")
        {
            Description = "Of a log: where to begin, and wait for more: first, last, next, an offset, a time such as 2026-01-31T12:00:00Z, or how long ago, such as 2h",
        };
        var filter = new Option<string[]>("--filter") { Description = "Of a log: only messages whose header x-stream-filter-value is this; may be repeated" };
        count.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<long?>() < 1)
            {
                result.AddError("--count must be at least 1.");
            }
        });
        var command = new Command("consume", "Take messages from a queue and print their bodies, one a line.") { queue, count, follow, noAck, offset, filter };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var run = context(parsed);
            var session = await run.ConnectAsync(cancellationToken);
            var (name, settled) = (parsed.GetValue(queue)!, parsed.GetValue(noAck));
            var arguments = ArgumentsOf(parsed.GetValue(offset), parsed.GetValue(filter) ?? []);
            var messages = parsed.GetValue(follow) || arguments.Count > 0
                ? session.ConsumeAsync(name, settled, (int)Math.Min(MaxPrefetch, parsed.GetValue(count) ?? MaxPrefetch), arguments, cancellationToken)
                : ReadyAsync(run, session, name, settled, cancellationToken);
            return (int)await PrintAsync(run, messages, parsed.GetValue(count), cancellationToken);
        });
        return command;
    }

    private static FieldTable ArgumentsOf(string? offset, string[] filter)
    {
        var arguments = new List<KeyValuePair<string, FieldValue>>();
        if (offset is not null)
        {
            var value = long.TryParse(offset, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? FieldValue.From(number) : FieldValue.From(offset);
            arguments.Add(new("x-stream-offset", value));
        }

        if (filter.Length > 0)
        {
            arguments.Add(new("x-stream-filter", FieldValue.List([.. filter.Select(FieldValue.From)])));
        }

        return FieldTable.Of((IEnumerable<KeyValuePair<string, FieldValue>>)arguments);
    }

    private static async Task<ExitCode> PrintAsync(
        CommandContext context, IAsyncEnumerable<IncomingMessage> messages, long? count, CancellationToken cancellationToken)
    {
        var writer = new MessageWriter(context.Console, context.Json);
        var printed = 0L;
        await foreach (var message in messages.WithCancellation(cancellationToken))
        {
            writer.Write(message);
            await message.AckAsync();
            if (++printed == count)
            {
                return ExitCode.Ok;
            }
        }

        if (count is not null)
        {
            context.Console.Error.WriteLine($"pbm: the queue is empty after {printed} of {count} messages; --follow would wait");
        }

        return ExitCode.Ok;
    }

    private static async IAsyncEnumerable<IncomingMessage> ReadyAsync(
        CommandContext context, IBrokerSession session, string queue, bool noAck, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (await context.WithinAsync(session.GetAsync(queue, noAck, cancellationToken), $"answer for queue '{queue}'", cancellationToken) is { } message)
        {
            yield return message;
        }
    }
}
