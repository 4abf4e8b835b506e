using Broker.Pbm.Output;

namespace Broker.Pbm.Commands;

/// <summary><c>pbm help</c>: every command with one line.</summary>
internal static class HelpList
{
    public static void Write(CommandTree tree, PbmConsole console, bool json)
    {
        var commands = tree.Commands().Select(command => (command.Name, Description: command.Command.Description ?? "")).ToList();
        if (json)
        {
            foreach (var command in commands)
            {
                console.Output.WriteLine(JsonLine.Write(writer =>
                {
                    writer.WriteStartObject();
                    writer.WriteString("command", command.Name);
                    writer.WriteString("description", command.Description);
                    writer.WriteEndObject();
                }));
            }

            console.Output.Flush();
            return;
        }

        var width = commands.Max(command => command.Name.Length);
        console.Output.WriteLine("Usage: pbm <palette> <command> [options]\n");
        foreach (var command in commands)
        {
            console.Output.WriteLine($"  {command.Name.PadRight(width)}  {PlainText.Visible(command.Description)}");
        }

        console.Output.WriteLine("\n'pbm help <palette> <command>' explains one. Without arguments pbm prompts for commands.");
        console.Output.Flush();
    }
}
