using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client.Connections;

/// <summary>A byte that a node sends back (docs/protocol.md, "Echo"), so that something is received of a node that lives.</summary>
internal static class Question
{
    /// <summary>Asks and waits for the answer, or for the end of the connection. Does not throw.</summary>
    /// <returns>Whether it has answered.</returns>
    public static async Task<bool> AskAsync(BrokerConnection connection)
    {
        try
        {
            var stream = await connection.OpenStreamAsync(CancellationToken.None).ConfigureAwait(false);
            await using (stream.ConfigureAwait(false))
            {
                StreamHeader.Write(stream.Output, StreamKind.Echo);
                await stream.Output.WriteAsync("?"u8.ToArray(), CancellationToken.None).ConfigureAwait(false);
                await stream.Output.CompleteAsync().ConfigureAwait(false);
                await ReadToEndAsync(stream).ConfigureAwait(false);
                return true;
            }
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or BrokerException)
        {
            return false;
        }
    }

    private static async Task ReadToEndAsync(IQuicStream stream)
    {
        while (true)
        {
            var result = await stream.Input.ReadAsync(CancellationToken.None).ConfigureAwait(false);
            stream.Input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                return;
            }
        }
    }
}
