using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using Google.Protobuf;

namespace Broker.Coordination.Etcd.Grpc;

/// <summary>gRPC's layout on HTTP/2: a message is a byte of flags, its length in four bytes, and itself; the status comes in the trailers, or in the headers if nothing else comes.</summary>
internal static class GrpcFrames
{
    /// <summary>Bytes of the largest message that is accepted: 256 of the largest keys and values, and what is around them.</summary>
    public const int MaxMessageBytes = 320 << 20;

    private const int HeaderBytes = 5;

    /// <summary>A message as a frame.</summary>
    public static byte[] Encode(IMessage message)
    {
        var length = message.CalculateSize();
        var frame = new byte[HeaderBytes + length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), length);
        message.WriteTo(frame.AsSpan(HeaderBytes));
        return frame;
    }

    /// <summary>The next message; <c>null</c> if the server has sent its last.</summary>
    /// <exception cref="GrpcException">It is none, or too large.</exception>
    public static async ValueTask<byte[]?> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var header = new byte[HeaderBytes];
        var read = await stream.ReadAtLeastAsync(header, HeaderBytes, throwOnEndOfStream: false, cancellationToken);
        if (read == 0)
        {
            return null;
        }

        if (read < HeaderBytes || header[0] != 0)
        {
            throw new GrpcException(GrpcStatus.Internal, "the answer is no gRPC message without compression");
        }

        var length = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(1));
        if (length > MaxMessageBytes)
        {
            throw new GrpcException(GrpcStatus.Internal, $"the answer has {length} bytes; at most {MaxMessageBytes} are accepted");
        }

        var message = new byte[length];
        await stream.ReadExactlyAsync(message, cancellationToken);
        return message;
    }

    /// <summary>Fails if the server has said that the call failed.</summary>
    /// <param name="response">Its answer.</param>
    /// <param name="isComplete">Whether all of it was read, so that its status must be there.</param>
    /// <exception cref="GrpcException">It has, or its answer is not gRPC's.</exception>
    public static void CheckStatus(HttpResponseMessage response, bool isComplete)
    {
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new GrpcException(GrpcStatus.Unavailable, $"it answers with HTTP status {(int)response.StatusCode}, so it is no etcd, or there is something in between");
        }

        if (Find(response, "grpc-status") is not { } text)
        {
            if (isComplete)
            {
                throw new GrpcException(GrpcStatus.Unknown, "the answer ends without a status");
            }

            return;
        }

        var status = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? (GrpcStatus)number : GrpcStatus.Unknown;
        if (status != GrpcStatus.Ok)
        {
            throw new GrpcException(status, Uri.UnescapeDataString(Find(response, "grpc-message") ?? $"status {text}"));
        }
    }

    private static string? Find(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) || response.TrailingHeaders.TryGetValues(name, out values) ? values.First() : null;
}
