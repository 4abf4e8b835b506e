using System.Text;
using Broker.Pbm.Output;
using Broker.Pbm.Session;

namespace Broker.Pbm.Messages;

/// <summary>Prints messages, each flushed before it may be settled.</summary>
internal sealed class MessageWriter(PbmConsole console, bool json)
{
    /// <summary>The body and a line feed: as it is in a pipe, without control characters on a terminal; an object with <c>--json</c>.</summary>
    /// <exception cref="IOException">The reader is gone.</exception>
    public void Write(IncomingMessage message)
    {
        if (json)
        {
            console.Output.WriteLine(JsonLine.Write(writer => MessageJson.Write(writer, message)));
        }
        else if (console.IsTerminal)
        {
            console.Output.WriteLine(PlainText.Visible(Encoding.UTF8.GetString(message.Body.Span)));
        }
        else
        {
            console.Output.Flush();
            console.OutputBytes.Write([.. message.Body.Span, (byte)'\n']);
        }

        console.Output.Flush();
    }
}
