using System.Buffers;
using System.IO.Pipelines;
using Broker.Client.Connections;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client;

public sealed partial class BrokerClient
{
    /// <summary>Opens a stream, sends a few bytes and waits until they are back.</summary>
    /// <returns>The time that took.</returns>
    /// <exception cref="BrokerException">The stream or the connection ended first.</exception>
    public async Task<TimeSpan> PingAsync(CancellationToken cancellationToken = default)
    {
        var start = _options.TimeProvider.GetTimestamp();
        await EchoAsync("ping"u8.ToArray(), cancellationToken).ConfigureAwait(false);
        return _options.TimeProvider.GetElapsedTime(start);
    }

    /// <summary>
    /// Sends bytes on a stream of their own and reads what comes back: for diagnosis. Sending and reading go on at the same time, so any size works.
    /// </summary>
    /// <returns>The bytes that came back.</returns>
    /// <exception cref="BrokerException">The stream or the connection ended first.</exception>
    public async Task<byte[]> EchoAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken = default)
    {
        const string What = "echo";
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        var connection = await _keeper.GetAsync(cancellationToken).ConfigureAwait(false);
        using var debt = new Debt(connection);
        var stream = await OpenAsync(connection, StreamKind.Echo, null, What, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            using var registration = cancellationToken.UnsafeRegister(static state => Abandon((IQuicStream)state!), stream);
            var sending = SendAsync(stream.Output, bytes);
            try
            {
                var echoed = await ReadToEndAsync(stream.Input, bytes.Length).ConfigureAwait(false);
                await sending.ConfigureAwait(false);
                return echoed;
            }
            catch (IOException e)
            {
                cancellationToken.ThrowIfCancellationRequested();
                throw await connection.ExplainAsync(e, What).ConfigureAwait(false);
            }
        }
    }

    private static void Abandon(IQuicStream stream)
    {
        stream.Reset((long)ErrorCode.Cancelled);
        stream.StopSending((long)ErrorCode.Cancelled);
    }

    private static async Task SendAsync(PipeWriter output, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await output.WriteAsync(bytes).ConfigureAwait(false);
            await output.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // The reading side reports why the stream is over.
        }
    }

    private static async Task<byte[]> ReadToEndAsync(PipeReader input, int expected)
    {
        var echoed = new ArrayBufferWriter<byte>(Math.Max(expected, 1));
        while (true)
        {
            var result = await input.ReadAsync(CancellationToken.None).ConfigureAwait(false);
            foreach (var segment in result.Buffer)
            {
                echoed.Write(segment.Span);
            }

            input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted || echoed.WrittenCount > expected)
            {
                return echoed.WrittenSpan.ToArray();
            }
        }
    }
}
