using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Broker.Protocol;

namespace Broker.Pbm.Messages;

/// <summary>Splits bytes at line feeds. The last line needs none; an empty line is a message too.</summary>
internal static class LineReader
{
    /// <summary>Yields each line without its line feed.</summary>
    /// <exception cref="PbmException">A line is longer than a message may be.</exception>
    public static async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync(Stream input, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = PipeReader.Create(input, new StreamPipeReaderOptions(bufferSize: 64 << 10, leaveOpen: true));
        var number = 1;
        while (true)
        {
            var read = await reader.ReadAsync(cancellationToken);
            var rest = read.Buffer;
            while (rest.PositionOf((byte)'\n') is { } end)
            {
                yield return rest.Slice(0, end).ToArray();
                rest = rest.Slice(rest.GetPosition(1, end));
                number++;
            }

            if (read.IsCompleted)
            {
                if (!rest.IsEmpty)
                {
                    yield return rest.ToArray();
                }

                break;
            }

            if (rest.Length > ProtocolLimits.DefaultMaxMessageBytes)
            {
                throw new PbmException(ExitCode.Usage, "", $"line {number} is longer than {ProtocolLimits.DefaultMaxMessageBytes} bytes");
            }

            reader.AdvanceTo(rest.Start, rest.End);
        }

        await reader.CompleteAsync();
    }
}
