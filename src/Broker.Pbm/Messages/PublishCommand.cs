using System.CommandLine;
using Broker.Pbm.Commands;

namespace Broker.Pbm.Messages;

/// <summary><c>message publish</c>: one message from the argument or a file, or one for each line of standard input.</summary>
internal static class PublishCommand
{
    public static Command Build(Func<ParseResult, CommandContext> context)
    {
        var command = new Command("publish", "Publish messages and wait until the node has confirmed them.");
        var arguments = new PublishArguments();
        arguments.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var run = context(parsed);
            var bodies = arguments.Bodies(parsed, run.Console.Input, cancellationToken);
            return (int)await new PublishRun(run, arguments.Template(parsed)).RunAsync(bodies, cancellationToken);
        });
        return command;
    }
}
