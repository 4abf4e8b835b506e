using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Broker.Client.Admin;
using Broker.Client.Connections;
using Broker.Client.Streams;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client;

public sealed partial class BrokerClient
{
    /// <summary>Runs an administration command and yields its rows as they come. Leaving the loop abandons the command.</summary>
    /// <param name="command">Palette and verb, such as <c>queue list</c>; <c>help</c> lists them all.</param>
    /// <param name="arguments">The command's options. <c>null</c>: none.</param>
    /// <param name="cancellationToken">Ends the loop with <see cref="OperationCanceledException"/>.</param>
    /// <returns>One JSON object for each row.</returns>
    /// <exception cref="BrokerRequestException">The command does not exist, is not permitted, or failed; rows that came before it failed were
    /// yielded.</exception>
    /// <exception cref="BrokerStreamException">The server ended the stream.</exception>
    /// <exception cref="BrokerConnectionException">The connection has ended.</exception>
    public async IAsyncEnumerable<JsonElement> AdminAsync(
        string command, JsonObject? arguments = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        const ulong RequestId = 1;
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        var request = new AdminRequestFrame(RequestId, command, Encoding.UTF8.GetBytes((arguments ?? []).ToJsonString()));
        var answer = new AdminAnswer(RequestId, command);
        var connection = await _keeper.GetAsync(cancellationToken).ConfigureAwait(false);
        using var debt = new Debt(connection);
        var stream = await OpenAsync(connection, StreamKind.Admin, request.Write, command, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            using var input = new FrameInput(stream.Input, ProtocolLimits.MaxControlFrameBytes, command);
            while (answer.End is null)
            {
                if (!await ReadAsync(connection, input, answer, command, cancellationToken).ConfigureAwait(false) && answer.End is null)
                {
                    throw new BrokerStreamException(command, ErrorCode.InternalError, "the stream ended before the answer did");
                }

                while (answer.Rows.TryDequeue(out var row))
                {
                    yield return row;
                }
            }

            await stream.Output.CompleteAsync().ConfigureAwait(false);
        }

        if (answer.End is { Code: not ErrorCode.NoError } failed)
        {
            throw new BrokerRequestException(command, failed.Code, failed.Message);
        }
    }

    private static async Task<IQuicStream> OpenAsync(
        BrokerConnection connection, StreamKind kind, Action<System.IO.Pipelines.PipeWriter>? write, string what, CancellationToken cancellationToken)
    {
        try
        {
            var stream = await connection.OpenStreamAsync(cancellationToken).ConfigureAwait(false);
            StreamHeader.Write(stream.Output, kind);
            write?.Invoke(stream.Output);
            await stream.Output.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            return stream;
        }
        catch (Exception e) when (e is IOException or FrameFaultException or BrokerException)
        {
            throw await connection.ExplainAsync(e, what).ConfigureAwait(false);
        }
    }

    private static async ValueTask<bool> ReadAsync(
        BrokerConnection connection, FrameInput input, IFrameHandler handler, string what, CancellationToken cancellationToken)
    {
        try
        {
            return await input.ReadAsync(handler, null, null, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or FrameFaultException or BrokerException)
        {
            throw await connection.ExplainAsync(e, what).ConfigureAwait(false);
        }
    }
}
