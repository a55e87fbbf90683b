require "sms/format"

# Sends texts through the first carrier that takes them.
module Sms
  class Sender
    CARRIERS = [Carrier::Primary, Carrier::Fallback].freeze

    def self.confirm(booking)
      text = I18n.t("sms.confirmed", code: booking.code, at: I18n.l(booking.starts_at, format: :short))
      new.deliver(booking.customer.phone, text, country: booking.customer.country)
    end

    def deliver(phone, text, country:)
      to = Format.number(phone, country: country)
      Format.parts(text).each do |part|
        first_that_works { |carrier| carrier.send_part(to, part) }
      end
    end

    private

    def first_that_works
      CARRIERS.each_with_index do |carrier, index|
        return yield(carrier)
      rescue Carrier::Busy
        raise if index == CARRIERS.size - 1
      end
    end
  end
end
