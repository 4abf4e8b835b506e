using System.CommandLine;
using Broker.Pbm.Output;

namespace Broker.Pbm.Commands;

/// <summary><c>connection ping</c>: round trips over an echo stream.</summary>
internal static class PingCommand
{
    private const int DefaultCount = 4;

    public static Command Build(Func<ParseResult, CommandContext> context)
    {
        var count = new Option<int>("--count") { Description = "How many round trips", DefaultValueFactory = _ => DefaultCount };
        count.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--count must be at least 1");
            }
        });
        var command = new Command("ping", "Measure round trips to the node over an echo stream.") { count };
        command.SetAction(async (parsed, cancellationToken) => (int)await RunAsync(context(parsed), parsed.GetValue(count), cancellationToken));
        return command;
    }

    private static async Task<ExitCode> RunAsync(CommandContext context, int count, CancellationToken cancellationToken)
    {
        var session = await context.ConnectAsync(cancellationToken);
        var output = context.Console.Output;
        var (shortest, longest, total) = (TimeSpan.MaxValue, TimeSpan.Zero, TimeSpan.Zero);
        for (var number = 1; number <= count; number++)
        {
            var roundTrip = await context.WithinAsync(session.PingAsync(cancellationToken), "echo", cancellationToken);
            var (sequence, milliseconds) = (number, Math.Round(roundTrip.TotalMilliseconds, 3));
            output.WriteLine(context.Json
                ? JsonLine.Write(writer =>
                {
                    writer.WriteStartObject();
                    writer.WriteNumber("sequence", sequence);
                    writer.WriteNumber("milliseconds", milliseconds);
                    writer.WriteEndObject();
                })
                : $"echo {sequence}: {milliseconds:0.000} ms");
            output.Flush();
            total += roundTrip;
            shortest = roundTrip < shortest ? roundTrip : shortest;
            longest = roundTrip > longest ? roundTrip : longest;
        }

        if (!context.Json)
        {
            var (min, mean, max) = (shortest.TotalMilliseconds, total.TotalMilliseconds / count, longest.TotalMilliseconds);
            output.WriteLine($"{count} echoes: min {min:0.000}, mean {mean:0.000}, max {max:0.000} ms");
            output.Flush();
        }

        return ExitCode.Ok;
    }
}
